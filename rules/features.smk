# From crops to the feature sets of the experiments; `pixels` are the crops themselves.


include: "helpers/features.smk"


rule extract_features:
    """Compute a feature set for some of the store's videos."""
    input:
        store="<results>/store.json",
    output:
        matrix=temp("<results>/features/{features}/{part}.npy"),
    log:
        "<logs>/extract_features/{features}/{part}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=growing(30),
    params:
        videos_per_part=VIDEOS_PER_PART,
    message:
        "Computing {wildcards.features}, part {wildcards.part}"
    script:
        "../workflow_scripts/features/extract_features.py"


rule join_features:
    """Join the parts of a feature set."""
    input:
        store="<results>/store.json",
        parts=feature_parts,
    output:
        marker="<results>/features/{features}.json",
    log:
        "<logs>/join_features/{features}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(2000),
    message:
        "Joining {wildcards.features}"
    script:
        "../workflow_scripts/features/join_features.py"

# From crops to the feature sets that experiments name; `pixels` are the crops themselves.


rule extract_features:
    input:
        store="<results>/store.zarr/zarr.json",
        modules=library_modules("extract_features"),
    output:
        temp("<results>/features/{features}/{part}.npy"),
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
        "../workflow_scripts/extract_features.py"


rule join_features:
    input:
        store="<results>/store.zarr/zarr.json",
        parts=feature_parts,
        modules=library_modules("join_features"),
    output:
        "<results>/store.zarr/features/{features}/zarr.json",
    log:
        "<logs>/join_features/{features}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    message:
        "Putting {wildcards.features} into the store"
    script:
        "../workflow_scripts/join_features.py"

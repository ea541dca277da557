# From crops to one table of quality and one store.


rule quality_table:
    input:
        statuses=of_all_videos("<results>/faces/{video}.json"),
    output:
        quality="<results>/quality.tsv",
        rates="<results>/capture_rates.tsv",
        kept="<results>/manifest.tsv",
    log:
        "<logs>/quality_table.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code_digest("quality_table"),
        content_digest([config["manifest"]]),
        frames=config["sampling"]["frames"],
    message:
        "Gathering what became of each video"
    script:
        "../workflow_scripts/quality_table.py"


rule build_store:
    input:
        quality="<results>/quality.tsv",
        crops=of_all_videos("<results>/faces/{video}.npz"),
    output:
        "<results>/store.json",
    log:
        "<logs>/build_store.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(120),
    params:
        code_digest("build_store"),
        content_digest([config["manifest"]]),
        made_with={"sampling": SAMPLING, **{part: config[part] for part in ("detector", "faces")}},
        videos_per_shard=config["store"]["videos_per_shard"],
    message:
        "Building the store of all crops"
    script:
        "../workflow_scripts/build_store.py"

# From crops to one table of quality and one store.


rule quality_table:
    input:
        manifest=config["manifest"],
        statuses=of_all_videos("<results>/faces/{video}.json"),
        modules=library_modules("quality_table"),
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
        frames=config["sampling"]["frames"],
    message:
        "Gathering what became of each video"
    script:
        "../workflow_scripts/quality_table.py"


rule build_store:
    input:
        manifest=config["manifest"],
        quality="<results>/quality.tsv",
        crops=of_all_videos("<results>/faces/{video}.npz"),
        modules=library_modules("build_store"),
    output:
        "<results>/store.zarr/zarr.json",
    log:
        "<logs>/build_store.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(120),
    params:
        made_with={part: config[part] for part in ("sampling", "detector", "faces")},
        videos_per_shard=config["store"]["videos_per_shard"],
        max_rejected_fraction=config["quality"]["max_rejected_fraction"],
    message:
        "Building the store of all crops"
    script:
        "../workflow_scripts/build_store.py"

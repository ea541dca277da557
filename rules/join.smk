# From the stores of other runs to one: what a run with `parts` has instead of videos.


rule join_stores:
    input:
        manifest=config["manifest"],
        stores=expand("{part}/store.zarr/zarr.json", part=config["parts"]),
        qualities=expand("{part}/quality.tsv", part=config["parts"]),
        modules=library_modules("join_stores"),
    output:
        quality="<results>/quality.tsv",
        rates="<results>/capture_rates.tsv",
        kept="<results>/manifest.tsv",
        store="<results>/store.zarr/zarr.json",
    log:
        "<logs>/join_stores.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(120),
    params:
        videos_per_shard=config["store"]["videos_per_shard"],
        max_rejected_fraction=config["quality"]["max_rejected_fraction"],
    message:
        "Joining the stores of all parts"
    script:
        "../workflow_scripts/join_stores.py"

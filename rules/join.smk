# From the stores of other runs to one: what a run with `parts` has instead of videos.


rule join_stores:
    input:
        stores=expand("{part}/store.json", part=config["parts"]),
        qualities=expand("{part}/quality.tsv", part=config["parts"]),
    output:
        quality="<results>/quality.tsv",
        rates="<results>/capture_rates.tsv",
        kept="<results>/manifest.tsv",
        store="<results>/store.json",
    log:
        "<logs>/join_stores.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(120),
    params:
        code_digest("join_stores"),
        content_digest([config["manifest"]]),
        videos_per_shard=config["store"]["videos_per_shard"],
    message:
        "Joining the stores of all parts"
    script:
        "../workflow_scripts/join_stores.py"

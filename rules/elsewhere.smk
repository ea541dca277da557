# From models to figures on other runs' videos. Nothing is written into those runs' folders.


rule select_elsewhere:
    input:
        store="<results>/store.json",
        split="<results>/splits/{protocol}.tsv",
        other=in_other_run("store.json"),
        other_manifest=in_other_run("manifest.tsv"),
    output:
        table="<results>/elsewhere/{other}/{protocol}.tsv",
        selection="<results>/elsewhere/{other}/{protocol}.json",
    log:
        "<logs>/select_elsewhere/{other}/{protocol}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        code_digest("select_elsewhere"),
        content_digest([config["manifest"]]),
    message:
        "Looking for videos of {wildcards.other} that show other people, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/select_elsewhere.py"


rule extract_elsewhere:
    input:
        store=in_other_run("store.json"),
    output:
        "<results>/elsewhere/{other}/features/{features}.json",
    log:
        "<logs>/extract_elsewhere/{other}/{features}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        code_digest("extract_elsewhere"),
    message:
        "Computing {wildcards.features} of {wildcards.other}"
    script:
        "../workflow_scripts/extract_elsewhere.py"


rule evaluate_elsewhere:
    input:
        store=in_other_run("store.json"),
        features=features_elsewhere,
        table="<results>/elsewhere/{other}/{protocol}.tsv",
        selection="<results>/elsewhere/{other}/{protocol}.json",
        model="<results>/models/{protocol}/{experiment}/model.zip",
        card="<results>/models/{protocol}/{experiment}/model.json",
    output:
        evaluation="<results>/elsewhere/{other}/{protocol}/{experiment}.json",
        frames="<results>/elsewhere/{other}/{protocol}/{experiment}.frames.tsv",
        videos="<results>/elsewhere/{other}/{protocol}/{experiment}.videos.tsv",
    log:
        "<logs>/evaluate_elsewhere/{other}/{protocol}/{experiment}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code_digest("evaluate_elsewhere"),
        experiment=what_is_trained,
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Evaluating {wildcards.experiment}, protocol {wildcards.protocol}, on {wildcards.other}"
    script:
        "../workflow_scripts/evaluate_elsewhere.py"

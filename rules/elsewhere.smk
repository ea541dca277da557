# From models to figures on other runs' videos. Nothing is written into those runs' folders.


rule select_elsewhere:
    input:
        store="<results>/store.zarr/zarr.json",
        manifest=config["manifest"],
        split="<results>/splits/{protocol}.tsv",
        other=in_other_run("store.zarr/zarr.json"),
        other_manifest=in_other_run("manifest.tsv"),
        modules=library_modules("select_elsewhere"),
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
    message:
        "Looking for videos of {wildcards.other} that show other people, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/select_elsewhere.py"


rule extract_elsewhere:
    input:
        store=in_other_run("store.zarr/zarr.json"),
        modules=library_modules("extract_elsewhere"),
    output:
        "<results>/elsewhere/{other}/features/{features}/zarr.json",
    log:
        "<logs>/extract_elsewhere/{other}/{features}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    message:
        "Computing {wildcards.features} of {wildcards.other}"
    script:
        "../workflow_scripts/extract_elsewhere.py"


rule evaluate_elsewhere:
    input:
        store=in_other_run("store.zarr/zarr.json"),
        features=features_elsewhere,
        table="<results>/elsewhere/{other}/{protocol}.tsv",
        selection="<results>/elsewhere/{other}/{protocol}.json",
        model="<results>/models/{protocol}/{experiment}/model.zip",
        card="<results>/models/{protocol}/{experiment}/model.json",
        modules=library_modules("evaluate_elsewhere"),
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
        experiment=what_is_trained,
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Evaluating {wildcards.experiment}, protocol {wildcards.protocol}, on {wildcards.other}"
    script:
        "../workflow_scripts/evaluate_elsewhere.py"

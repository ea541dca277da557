# From the store to trained models.


rule split_videos:
    input:
        manifest=config["manifest"],
        store="<results>/store.zarr/zarr.json",
        modules=library_modules("split_videos"),
    output:
        "<results>/splits/{protocol}.tsv",
    log:
        "<logs>/split_videos/{protocol}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        test_share=config["splits"]["test_share"],
        seed=config["seed"],
    message:
        "Dividing the videos into training and test, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/split_videos.py"


rule train_model:
    input:
        store="<results>/store.zarr/zarr.json",
        split="<results>/splits/{protocol}.tsv",
        modules=library_modules("train_model"),
    output:
        model="<results>/models/{protocol}/{experiment}/model.skops",
        card="<results>/models/{protocol}/{experiment}/model.json",
    log:
        "<logs>/train_model/{protocol}/{experiment}.log",
    conda:
        "../envs/learning.yaml"
    threads: 8
    resources:
        mem_mb=training_memory,
        runtime=growing(120),
    params:
        experiment=lambda wildcards: EXPERIMENTS[wildcards.experiment],
        seed=config["seed"],
    message:
        "Training {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/train_model.py"

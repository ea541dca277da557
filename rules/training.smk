# From the store to trained models: split, try settings inside the training part, choose, train.


rule split_videos:
    input:
        store="<results>/store.json",
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
        code_digest("training/split_videos"),
        content_digest([config["manifest"]]),
        test_share=config["splits"]["test_share"],
        folds=config["training"]["folds"],
        seed=config["seed"],
    message:
        "Dividing the videos into training and test, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/training/split_videos.py"


rule fit_fold:
    input:
        store="<results>/store.json",
        features=features_of_experiment,
        split="<results>/splits/{protocol}.tsv",
    output:
        "<results>/tuning/{protocol}/{experiment}/{settings}/{fold}.tsv",
    log:
        "<logs>/fit_fold/{protocol}/{experiment}/{settings}/{fold}.log",
    conda:
        "../envs/learning.yaml"
    threads: 8
    resources:
        mem_mb=training_memory,
        runtime=growing(120),
    params:
        code_digest("training/fit_fold"),
        experiment=what_is_trained,
        settings=lambda wildcards: settings_of(wildcards.experiment)[wildcards.settings],
        seed=config["seed"],
    message:
        "Trying settings {wildcards.settings} of {wildcards.experiment}, protocol {wildcards.protocol}, fold {wildcards.fold}"
    script:
        "../workflow_scripts/training/fit_fold.py"


rule choose_model:
    input:
        split="<results>/splits/{protocol}.tsv",
        scores=of_all_fits("<results>/tuning/{protocol}/{experiment}/{settings}/{fold}.tsv"),
    output:
        choice="<results>/models/{protocol}/{experiment}/choice.json",
        predictions="<results>/models/{protocol}/{experiment}/validation.tsv",
    log:
        "<logs>/choose_model/{protocol}/{experiment}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code_digest("training/choose_model"),
        fits=lambda wildcards: list(settings_of(wildcards.experiment).values()),
        validation=lambda wildcards: EXPERIMENTS[wildcards.experiment]["validation"],
        wrong_share=config["training"]["wrong_share"],
    message:
        "Choosing settings and threshold of {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/training/choose_model.py"


rule train_model:
    input:
        store="<results>/store.json",
        features=features_of_experiment,
        split="<results>/splits/{protocol}.tsv",
        choice="<results>/models/{protocol}/{experiment}/choice.json",
    output:
        model="<results>/models/{protocol}/{experiment}/model.zip",
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
        code_digest("training/train_model"),
        experiment=what_is_trained,
        seed=config["seed"],
    message:
        "Training {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/training/train_model.py"

# From the store to trained models: split, cross-validate hyper-parameters, select, train.


include: "helpers/training.smk"


rule split_videos:
    """Divide the store's rows into training and test data under one protocol."""
    input:
        store="<results>/store.json",
    output:
        split="<results>/splits/{protocol}.tsv",
    log:
        "<logs>/split_videos/{protocol}.log",
    conda:
        "../envs/learning.yaml"
    params:
        content_digest([config["manifest"]]),
        test_fraction=config["splits"]["test_fraction"],
        folds=config["training"]["folds"],
        seed=config["seed"],
    message:
        "Splitting the videos into training and test, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/training/split_videos.py"


rule fit_fold:
    """Fit an experiment's model with some settings, and score held-out training data."""
    input:
        features_of_experiment,
        store="<results>/store.json",
        split="<results>/splits/{protocol}.tsv",
    output:
        scores="<results>/tuning/{protocol}/{experiment}/{settings}/{fold}.tsv",
    log:
        "<logs>/fit_fold/{protocol}/{experiment}/{settings}/{fold}.log",
    conda:
        "../envs/learning.yaml"
    threads: 8
    resources:
        mem_mb=training_memory,
        runtime=growing(120),
    params:
        experiment=named_experiment,
        settings=lambda wildcards: settings_of(wildcards.experiment)[wildcards.settings],
        seed=config["seed"],
    message:
        "Validating settings {wildcards.settings} of {wildcards.experiment}, protocol {wildcards.protocol}, fold {wildcards.fold}"
    script:
        "../workflow_scripts/training/fit_fold.py"


rule select_hyperparameters:
    """Select an experiment's settings, threshold and calibration by its validation scores."""
    input:
        split="<results>/splits/{protocol}.tsv",
        scores=per_fit("<results>/tuning/{protocol}/{experiment}/{settings}/{fold}.tsv"),
    output:
        choice="<results>/models/{protocol}/{experiment}/choice.json",
        predictions="<results>/models/{protocol}/{experiment}/validation.tsv",
    log:
        "<logs>/select_hyperparameters/{protocol}/{experiment}.log",
    conda:
        "../envs/learning.yaml"
    params:
        fits=lambda wildcards: list(settings_of(wildcards.experiment).values()),
        validation=lambda wildcards: EXPERIMENTS[wildcards.experiment]["validation"],
        max_error_rate=config["training"]["max_error_rate"],
    message:
        "Selecting hyper-parameters and threshold of {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/training/select_hyperparameters.py"


rule train_model:
    """Train an experiment's model with its selected settings."""
    input:
        features_of_experiment,
        store="<results>/store.json",
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
        experiment=named_experiment,
        seed=config["seed"],
    message:
        "Training {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/training/train_model.py"

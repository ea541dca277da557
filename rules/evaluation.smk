# From models to metrics: on the test part, on other runs' videos, and with less training data.


include: "helpers/evaluation.smk"


rule evaluate_model:
    """Evaluate one model on the test part of its protocol."""
    input:
        features_of_experiment,
        store="<results>/store.json",
        split="<results>/splits/{protocol}.tsv",
        model="<results>/models/{protocol}/{experiment}/model.zip",
        card="<results>/models/{protocol}/{experiment}/model.json",
    output:
        evaluation="<results>/evaluation/{protocol}/{experiment}.json",
        frames="<results>/evaluation/{protocol}/{experiment}.frames.tsv",
        videos="<results>/evaluation/{protocol}/{experiment}.videos.tsv",
    log:
        "<logs>/evaluate_model/{protocol}/{experiment}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=evaluation_memory,
        runtime=growing(60),
    params:
        experiment=named_experiment,
        bootstrap=BOOTSTRAP,
    message:
        "Evaluating {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/evaluation/evaluate_model.py"


rule leaderboard:
    """Compare all experiments under all protocols in one table."""
    input:
        evaluations=per_experiment("<results>/evaluation/{protocol}/{experiment}.json")
        + per_other_run("<results>/cross_dataset/{other}/{protocol}/{experiment}.json"),
        cards=per_experiment("<results>/models/{protocol}/{experiment}/model.json"),
        trained=per_experiment(rules.train_model.log),
        tuned=[
            log
            for protocol in PROTOCOLS
            for experiment in EXPERIMENTS
            for log in fit_files(rules.fit_fold.log[0], protocol, experiment)
        ],
    output:
        leaderboard="<results>/leaderboard.tsv",
    log:
        "<logs>/leaderboard.log",
    conda:
        "../envs/learning.yaml"
    message:
        "Comparing all experiments"
    script:
        "../workflow_scripts/evaluation/leaderboard.py"


rule compare_experiments:
    """Compare the experiments of each protocol with the one that did best in its validation."""
    input:
        evaluations=per_experiment("<results>/evaluation/{protocol}/{experiment}.json"),
        predictions=per_experiment("<results>/evaluation/{protocol}/{experiment}.videos.tsv"),
        cards=per_experiment("<results>/models/{protocol}/{experiment}/model.json"),
    output:
        comparisons="<results>/comparisons.tsv",
    log:
        "<logs>/compare_experiments.log",
    conda:
        "../envs/learning.yaml"
    resources:
        runtime=growing(30),
    params:
        bootstrap=BOOTSTRAP,
    message:
        "Testing the differences between experiments"
    script:
        "../workflow_scripts/evaluation/compare_experiments.py"


# Cross-dataset tests. Nothing is written into the other runs' folders.


rule select_cross_dataset:
    """Select the videos of another run that show nobody from a protocol's training part."""
    input:
        store="<results>/store.json",
        split="<results>/splits/{protocol}.tsv",
        other_store=in_other_run("store.json"),
        other_manifest=in_other_run("manifest.tsv"),
    output:
        table="<results>/cross_dataset/{other}/{protocol}.tsv",
        selection="<results>/cross_dataset/{other}/{protocol}.json",
    log:
        "<logs>/select_cross_dataset/{other}/{protocol}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        runtime=growing(60),
    params:
        content_digest([config["manifest"]]),
    message:
        "Selecting videos of {wildcards.other} that show other people, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/evaluation/select_cross_dataset.py"


rule extract_cross_dataset:
    """Copy or compute a feature set of another run's store, without writing into that run's folder."""
    input:
        store=in_other_run("store.json"),
    output:
        marker="<results>/cross_dataset/{other}/features/{features}.json",
    log:
        "<logs>/extract_cross_dataset/{other}/{features}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    message:
        "Computing {wildcards.features} of {wildcards.other}"
    script:
        "../workflow_scripts/evaluation/extract_cross_dataset.py"


rule evaluate_cross_dataset:
    """Evaluate one model on another run's videos of other people."""
    input:
        features_cross_dataset,
        store=in_other_run("store.json"),
        table="<results>/cross_dataset/{other}/{protocol}.tsv",
        selection="<results>/cross_dataset/{other}/{protocol}.json",
        model="<results>/models/{protocol}/{experiment}/model.zip",
        card="<results>/models/{protocol}/{experiment}/model.json",
    output:
        evaluation="<results>/cross_dataset/{other}/{protocol}/{experiment}.json",
        frames="<results>/cross_dataset/{other}/{protocol}/{experiment}.frames.tsv",
        videos="<results>/cross_dataset/{other}/{protocol}/{experiment}.videos.tsv",
    log:
        "<logs>/evaluate_cross_dataset/{other}/{protocol}/{experiment}.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=cross_dataset_memory,
        runtime=growing(60),
    params:
        experiment=named_experiment,
        bootstrap=BOOTSTRAP,
    message:
        "Evaluating {wildcards.experiment}, protocol {wildcards.protocol}, on {wildcards.other}"
    script:
        "../workflow_scripts/evaluation/evaluate_cross_dataset.py"


# Learning curves: with fewer people in the training.


rule fit_learning_curve:
    """Train an experiment on some of the training part's people, and score the test part."""
    input:
        features_of_experiment,
        store="<results>/store.json",
        split="<results>/splits/identity.tsv",
        choice="<results>/models/identity/{experiment}/choice.json",
    output:
        scores="<results>/learning_curve/{experiment}/{halvings}/{repeat}.tsv",
    log:
        "<logs>/fit_learning_curve/{experiment}/{halvings}/{repeat}.log",
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
        "Training {wildcards.experiment} on fewer people ({wildcards.halvings} halvings, repeat {wildcards.repeat})"
    script:
        "../workflow_scripts/evaluation/fit_learning_curve.py"


rule learning_curve:
    """Tabulate how well each experiment does when it was trained on fewer people."""
    input:
        evaluations=per_curve("<results>/evaluation/identity/{experiment}.json"),
        predictions=per_curve("<results>/evaluation/identity/{experiment}.videos.tsv"),
        cards=per_curve("<results>/models/identity/{experiment}/model.json"),
        fits=per_subset("<results>/learning_curve/{experiment}/{halvings}/{repeat}.tsv"),
    output:
        curve="<results>/learning_curve.tsv",
    log:
        "<logs>/learning_curve.log",
    conda:
        "../envs/learning.yaml"
    resources:
        runtime=growing(30),
    params:
        repeats=config["learning_curve"]["repeats"],
        bootstrap=BOOTSTRAP,
    message:
        "Tabulating the learning curves"
    script:
        "../workflow_scripts/evaluation/learning_curve.py"


RESULTS += rules.leaderboard.output
if len(EXPERIMENTS) > 1:
    RESULTS += rules.compare_experiments.output
if LEARNING_CURVES:
    RESULTS += rules.learning_curve.output

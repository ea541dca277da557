# From models to figures that can be compared.


rule evaluate_model:
    input:
        store="<results>/store.json",
        features=features_of_experiment,
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
        mem_mb=training_memory,
        runtime=growing(60),
    params:
        code_digest("evaluation/evaluate_model"),
        experiment=what_is_trained,
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Evaluating {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/evaluation/evaluate_model.py"


rule leaderboard:
    input:
        evaluations=of_all_experiments("<results>/evaluation/{protocol}/{experiment}.json")
        + of_all_elsewhere("<results>/elsewhere/{other}/{protocol}/{experiment}.json"),
        cards=of_all_experiments("<results>/models/{protocol}/{experiment}/model.json"),
        trained=COUNTED_LOGS["train_model"],
        tuned=COUNTED_LOGS["fit_fold"],
    output:
        "<results>/leaderboard.tsv",
    log:
        "<logs>/leaderboard.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code_digest("evaluation/leaderboard"),
    message:
        "Comparing all experiments"
    script:
        "../workflow_scripts/evaluation/leaderboard.py"


rule compare_experiments:
    input:
        evaluations=of_all_experiments("<results>/evaluation/{protocol}/{experiment}.json"),
        predictions=of_all_experiments("<results>/evaluation/{protocol}/{experiment}.videos.tsv"),
        cards=of_all_experiments("<results>/models/{protocol}/{experiment}/model.json"),
    output:
        "<results>/comparisons.tsv",
    log:
        "<logs>/compare_experiments.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code_digest("evaluation/compare_experiments"),
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Comparing the experiments in pairs"
    script:
        "../workflow_scripts/evaluation/compare_experiments.py"


# On other runs' videos. Nothing is written into those runs' folders.


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
        code_digest("evaluation/select_elsewhere"),
        content_digest([config["manifest"]]),
    message:
        "Looking for videos of {wildcards.other} that show other people, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/evaluation/select_elsewhere.py"


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
        code_digest("evaluation/extract_elsewhere"),
    message:
        "Computing {wildcards.features} of {wildcards.other}"
    script:
        "../workflow_scripts/evaluation/extract_elsewhere.py"


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
        code_digest("evaluation/evaluate_elsewhere"),
        experiment=what_is_trained,
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Evaluating {wildcards.experiment}, protocol {wildcards.protocol}, on {wildcards.other}"
    script:
        "../workflow_scripts/evaluation/evaluate_elsewhere.py"


# With fewer people to learn from.


rule fit_subset:
    input:
        store="<results>/store.json",
        features=features_of_experiment,
        split="<results>/splits/identity.tsv",
        choice="<results>/models/identity/{experiment}/choice.json",
    output:
        "<results>/learning_curve/{experiment}/{halvings}/{repeat}.tsv",
    log:
        "<logs>/fit_subset/{experiment}/{halvings}/{repeat}.log",
    conda:
        "../envs/learning.yaml"
    threads: 8
    resources:
        mem_mb=training_memory,
        runtime=growing(120),
    params:
        code_digest("evaluation/fit_subset"),
        experiment=what_is_trained,
        seed=config["seed"],
    message:
        "Training {wildcards.experiment} on fewer people ({wildcards.halvings} halvings, repeat {wildcards.repeat})"
    script:
        "../workflow_scripts/evaluation/fit_subset.py"


rule learning_curve:
    input:
        evaluations=of_all_curves("<results>/evaluation/identity/{experiment}.json"),
        predictions=of_all_curves("<results>/evaluation/identity/{experiment}.videos.tsv"),
        cards=of_all_curves("<results>/models/identity/{experiment}/model.json"),
        fits=of_all_subsets("<results>/learning_curve/{experiment}/{halvings}/{repeat}.tsv"),
    output:
        "<results>/learning_curve.tsv",
    log:
        "<logs>/learning_curve.log",
    conda:
        "../envs/learning.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        code_digest("evaluation/learning_curve"),
        repeats=config["learning_curve"]["repeats"],
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Gathering what fewer people are worth"
    script:
        "../workflow_scripts/evaluation/learning_curve.py"

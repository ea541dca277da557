# What experiments are worth when they have learnt from fewer people.


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
        code_digest("fit_subset"),
        experiment=what_is_trained,
        seed=config["seed"],
    message:
        "Training {wildcards.experiment} on fewer people ({wildcards.halvings} halvings, repeat {wildcards.repeat})"
    script:
        "../workflow_scripts/fit_subset.py"


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
        code_digest("learning_curve"),
        repeats=config["learning_curve"]["repeats"],
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Gathering what fewer people are worth"
    script:
        "../workflow_scripts/learning_curve.py"

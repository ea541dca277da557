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
        code_digest("evaluate_model"),
        experiment=what_is_trained,
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Evaluating {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/evaluate_model.py"


rule leaderboard:
    input:
        evaluations=of_all_experiments("<results>/evaluation/{protocol}/{experiment}.json")
        + of_all_elsewhere("<results>/elsewhere/{other}/{protocol}/{experiment}.json"),
        cards=of_all_experiments("<results>/models/{protocol}/{experiment}/model.json"),
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
        code_digest("leaderboard"),
    message:
        "Comparing all experiments"
    script:
        "../workflow_scripts/leaderboard.py"


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
        code_digest("compare_experiments"),
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Comparing the experiments in pairs"
    script:
        "../workflow_scripts/compare_experiments.py"

# Judging videos of one's own. No default target asks for what these make.


rule bundle_model:
    input:
        store="<results>/store.zarr/zarr.json",
        features=features_of_experiment,
        split="<results>/splits/{protocol}.tsv",
        model="<results>/models/{protocol}/{experiment}/model.zip",
        card="<results>/models/{protocol}/{experiment}/model.json",
        evaluation="<results>/evaluation/{protocol}/{experiment}.json",
        networks=expand("resources/detector/{net}.onnx", net=("pnet", "rnet", "onet")),
        modules=library_modules("bundle_model"),
    output:
        "<results>/models/{protocol}/{experiment}/bundle.zip",
    log:
        "<logs>/bundle_model/{protocol}/{experiment}.log",
    conda:
        "../envs/judging.yaml"
    resources:
        mem_mb=training_memory,
        runtime=growing(30),
    message:
        "Bundling {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/bundle_model.py"

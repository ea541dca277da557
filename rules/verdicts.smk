# Judging videos of one's own. No default target asks for what these make.
import sys


rule bundle_model:
    input:
        manifest=config["manifest"],
        quality="<results>/quality.tsv",
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


# What is wrong with the videos, or that the bundle is missing, is told before anything else, and
# without a traceback; Snakemake itself knows its targets only later.
if "verdicts" in sys.argv:
    judged_videos()
    find_given_bundle()


# Names of files are anybody's and may hold what means something to Snakemake, so a video is no
# input. That its file was changed shows in the parameter `stamp`.
rule judge_video:
    input:
        bundle=judging_bundle,
        templates=templates("verdict"),
        modules=library_modules("judge_video"),
    output:
        verdict="<results>/verdicts/{video}.json",
        page="<results>/verdicts/{video}.html",
        thumbnail="<results>/verdicts/{video}.jpg",
    log:
        "<logs>/judge_video/{video}.log",
    conda:
        "../envs/judging.yaml"
    resources:
        mem_mb=growing(judged_frames().memory_mb),
        runtime=growing(judged_frames().minutes),
    params:
        path=lambda wildcards: judged_videos()[wildcards.video].path,
        stamp=lambda wildcards: stamp(judged_videos()[wildcards.video].path),
        frames=config["judge_frames"],
        every=config["judge_every"],
    message:
        "Judging {wildcards.video}"
    script:
        "../workflow_scripts/judge_video.py"


rule verdicts:
    input:
        bundle=judging_bundle,
        manifest=judged_manifest,
        verdicts=of_all_judged("<results>/verdicts/{video}.json"),
        thumbnails=of_all_judged("<results>/verdicts/{video}.jpg"),
        templates=templates("verdicts"),
        modules=library_modules("verdicts"),
    output:
        table="<results>/verdicts.tsv",
        page="<results>/verdicts.html",
    log:
        "<logs>/verdicts.log",
    conda:
        "../envs/judging.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        source=config["videos_to_judge"],
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Sorting the verdicts"
    script:
        "../workflow_scripts/verdicts.py"

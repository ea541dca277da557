# Judging videos of one's own. No default target asks for what these make.
import sys


rule bundle_model:
    input:
        quality="<results>/quality.tsv",
        store="<results>/store.json",
        features=features_of_experiment,
        split="<results>/splits/{protocol}.tsv",
        model="<results>/models/{protocol}/{experiment}/model.zip",
        card="<results>/models/{protocol}/{experiment}/model.json",
        evaluation="<results>/evaluation/{protocol}/{experiment}.json",
        networks=expand("resources/detector/{net}.onnx", net=("pnet", "rnet", "onet")),
    output:
        "<results>/models/{protocol}/{experiment}/bundle.zip",
    log:
        "<logs>/bundle_model/{protocol}/{experiment}.log",
    conda:
        "../envs/judging.yaml"
    resources:
        mem_mb=training_memory,
        runtime=growing(30),
    params:
        code_digest("verdicts/bundle_model"),
        content_digest([config["manifest"]]),
    message:
        "Bundling {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/verdicts/bundle_model.py"


# What is wrong with the videos, or that the bundle is missing, is told before anything else, and
# without a traceback; Snakemake itself knows its targets only later.
if "verdicts" in sys.argv:
    judged_videos()
    find_given_bundle()


# Names of files are anybody's and may hold what means something to Snakemake, and their times of
# change are anybody's too, so neither a video nor a bundle that is given is an input. That a file
# was changed shows in the parameters `stamp` and `stamp_of_bundle`.
rule judge_video:
    input:
        bundle=own_bundle,
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
        code_digest("verdicts/judge_video"),
        content_digest(templates("verdict")),
        bundle=judging_bundle(),
        stamp_of_bundle=stamp_of_given_bundle(),
        path=lambda wildcards: judged_videos()[wildcards.video].path,
        stamp=lambda wildcards: stamp_of_verdict(
            judged_videos()[wildcards.video].path,
            Path(f"results/{config['run']}/verdicts/{wildcards.video}.json"),
        ),
        frames=config["judge_frames"],
        every=config["judge_every"],
    message:
        "Judging {wildcards.video}"
    script:
        "../workflow_scripts/verdicts/judge_video.py"


rule verdicts:
    input:
        bundle=own_bundle,
        verdicts=of_all_judged("<results>/verdicts/{video}.json"),
        thumbnails=of_all_judged("<results>/verdicts/{video}.jpg"),
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
        code_digest("verdicts/verdicts"),
        content_digest(templates("verdicts")),
        content_digest(judged_table()),
        bundle=judging_bundle(),
        stamp_of_bundle=stamp_of_given_bundle(),
        source=config["videos_to_judge"],
        bootstrap=config["evaluation"]["bootstrap"],
        interval=config["evaluation"]["interval"],
        seed=config["seed"],
    message:
        "Sorting the verdicts"
    script:
        "../workflow_scripts/verdicts/verdicts.py"

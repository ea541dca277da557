# Verdicts on the user's own videos. The target `all` does not need these rules.


include: "helpers/verdicts.smk"


rule bundle_model:
    """Pack a model and everything that a verdict needs into one file."""
    input:
        features_of_experiment,
        quality="<results>/quality.tsv",
        store="<results>/store.json",
        split="<results>/splits/{protocol}.tsv",
        model="<results>/models/{protocol}/{experiment}/model.zip",
        card="<results>/models/{protocol}/{experiment}/model.json",
        evaluation="<results>/evaluation/{protocol}/{experiment}.json",
        networks=expand("resources/detector/{net}.onnx", net=("pnet", "rnet", "onet")),
    output:
        bundle="<results>/models/{protocol}/{experiment}/bundle.zip",
    log:
        "<logs>/bundle_model/{protocol}/{experiment}.log",
    conda:
        "../envs/judging.yaml"
    resources:
        mem_mb=training_memory,
        runtime=growing(30),
    params:
        content_digest([config["manifest"]]),
    message:
        "Bundling {wildcards.experiment}, protocol {wildcards.protocol}"
    script:
        "../workflow_scripts/verdicts/bundle_model.py"


# Neither a video nor an external bundle is an input: file names may hold characters that are
# special to Snakemake, and modification times are arbitrary. Stamps among the parameters detect
# changes.
rule judge_video:
    """Make the verdict on one of many videos."""
    input:
        bundle_input,
    output:
        verdict="<results>/verdicts/{video}.json",
        page="<results>/verdicts/{video}.html",
        thumbnail="<results>/verdicts/{video}.jpg",
    log:
        "<logs>/judge_video/{video}.log",
    conda:
        "../envs/judging.yaml"
    resources:
        mem_mb=growing(FRAME_PLAN.memory_mb),
        runtime=growing(FRAME_PLAN.minutes),
    params:
        content_digest(templates("verdict")),
        BUNDLE_STAMP,
        bundle=VERDICT_BUNDLE,
        path=lambda wildcards: VERDICT_VIDEOS[wildcards.video].path,
        stamp=lambda wildcards: stamp_of_verdict(
            VERDICT_VIDEOS[wildcards.video].path,
            Path(RUN, f"verdicts/{wildcards.video}.json"),
        ),
        frames=config["judge_frames"],
        stride=config["judge_stride"],
    message:
        "Judging {wildcards.video}"
    script:
        "../workflow_scripts/verdicts/judge_video.py"


rule verdicts:
    """List the verdicts on many videos, the highest score first, as a table and as a page."""
    input:
        bundle_input,
        per_verdict_video("<results>/verdicts/{video}.jpg"),
        verdicts=per_verdict_video("<results>/verdicts/{video}.json"),
    output:
        table="<results>/verdicts.tsv",
        page="<results>/verdicts.html",
    log:
        "<logs>/verdicts.log",
    conda:
        "../envs/judging.yaml"
    resources:
        runtime=growing(30),
    params:
        content_digest(templates("verdicts")),
        content_digest(video_table()),
        BUNDLE_STAMP,
        bundle=VERDICT_BUNDLE,
        source=VERDICT_SOURCE,
        n_resamples=config["evaluation"]["n_resamples"],
        confidence_level=config["evaluation"]["confidence_level"],
        seed=config["seed"],
    message:
        "Listing the verdicts"
    script:
        "../workflow_scripts/verdicts/verdicts.py"

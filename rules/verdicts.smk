# Judging videos of one's own. No default target asks for what these make.
import os
import tempfile

from workflow_scripts.lib.verdicts.frame_plan import check_enough, wanted_frames
from workflow_scripts.lib.verdicts.inputs import find_videos, stamp_of_verdict

try:
    TO_JUDGE = find_videos(Path(config["videos_to_judge"])) if config["videos_to_judge"] else {}
except UserError as error:
    raise WorkflowError(str(error))


def per_judged_video(pattern):
    """`pattern` for each video that is judged."""
    return [pattern.format(video=video) for video in TO_JUDGE]


def judged_table():
    """The table of videos that are judged, where it is no folder."""
    source = config["videos_to_judge"]
    return [source] if source and os.path.isfile(source) else []


def judging_bundle():
    """The bundle that judges."""
    given = config["judge_with"]
    if not given:
        return f"{RUN}/models/{PROTOCOLS[0]}/{next(iter(EXPERIMENTS))}/bundle.zip"
    here = os.path.relpath(given)
    # as Snakemake knows what its rules make
    return here if here.startswith("results/") else given


def given_bundle():
    """The bundle that judges, if this run does not make it; else None."""
    own = per_experiment(f"{RUN}/models/{{protocol}}/{{experiment}}/bundle.zip")
    return None if judging_bundle() in own else Path(judging_bundle())


def own_bundle(wildcards):
    """The bundle that judges, if this run makes it and there is something to judge."""
    return judging_bundle() if TO_JUDGE and not given_bundle() else []


def stamp_of_given_bundle():
    """The stamp of the bundle that judges, if this run does not make it."""
    return stamp(given_bundle()) if given_bundle() else ""


def judged_frames():
    """Which frames of a judged video are looked at, if the model was trained with this config's."""
    return wanted_frames(config["judge_frames"], config["judge_every"], config["sampling"])


def check_given_bundle():
    """Refuse a bundle that can't be used, or too few frames, before each video's job finds it out.

    Raises
    ------
    UserError
        Says what is wrong.
    """
    from workflow_scripts.lib.verdicts.bundle import read_bundle

    trained = config["sampling"]
    if path := given_bundle():
        with tempfile.TemporaryDirectory() as scratch:
            trained = read_bundle(path, Path(scratch)).card["crops"]["sampling"]
    check_enough(config["judge_frames"], trained)


if TO_JUDGE and given_bundle() and not given_bundle().is_file():
    raise WorkflowError(
        f"judge_with: there is no model bundle {given_bundle()}. Correct the path, or make the "
        "bundle in the run that it is of; without judge_with this run's first experiment judges."
    )


rule bundle_model:
    """Put a model and all that judging needs into one file."""
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


# Names of files are anybody's and may hold what means something to Snakemake, and their times of
# change are anybody's too, so neither a video nor a bundle that is given is an input. That a file
# was changed shows in parameters: `stamp`, and that of the bundle.
rule judge_video:
    """Judge one of many videos."""
    input:
        own_bundle,
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
        content_digest(templates("verdict")),
        stamp_of_given_bundle(),
        bundle=judging_bundle(),
        path=lambda wildcards: TO_JUDGE[wildcards.video].path,
        stamp=lambda wildcards: stamp_of_verdict(
            TO_JUDGE[wildcards.video].path,
            Path(RUN, f"verdicts/{wildcards.video}.json"),
        ),
        frames=config["judge_frames"],
        every=config["judge_every"],
    message:
        "Judging {wildcards.video}"
    script:
        "../workflow_scripts/verdicts/judge_video.py"


rule verdicts:
    """Sort the verdicts on many videos by suspicion, as a table and as a page."""
    input:
        own_bundle,
        per_judged_video("<results>/verdicts/{video}.jpg"),
        verdicts=per_judged_video("<results>/verdicts/{video}.json"),
    output:
        table="<results>/verdicts.tsv",
        page="<results>/verdicts.html",
    log:
        "<logs>/verdicts.log",
    conda:
        "../envs/judging.yaml"
    resources:
        mem_mb=SMALL_JOB_MB,
        runtime=growing(30),
    params:
        content_digest(templates("verdicts")),
        content_digest(judged_table()),
        stamp_of_given_bundle(),
        bundle=judging_bundle(),
        source=config["videos_to_judge"],
        n_resamples=config["evaluation"]["n_resamples"],
        confidence_level=config["evaluation"]["confidence_level"],
        seed=config["seed"],
    message:
        "Sorting the verdicts"
    script:
        "../workflow_scripts/verdicts/verdicts.py"

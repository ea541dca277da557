# What the rules of verdicts.smk ask of the config, the manifest and each other.
import os
import tempfile

from workflow_scripts.lib.verdicts.frame_plan import check_frame_count, plan_frames
from workflow_scripts.lib.verdicts.inputs import check_given, find_videos, stamp_of_verdict

try:
    VERDICT_VIDEOS = (
        find_videos(Path(config["videos_to_judge"])) if config["videos_to_judge"] else {}
    )
except UserError as error:
    raise WorkflowError(str(error))


def per_verdict_video(pattern):
    """`pattern` for each video that gets a verdict."""
    return [pattern.format(video=video) for video in VERDICT_VIDEOS]


def video_table():
    """The table of `videos_to_judge`, where it is not a folder."""
    source = config["videos_to_judge"]
    return [source] if source and os.path.isfile(source) else []


def verdict_bundle():
    """The path of the bundle that makes the verdicts."""
    path = config["judge_with"]
    if not path:
        return f"{RUN}/models/{PROTOCOLS[0]}/{next(iter(EXPERIMENTS))}/bundle.zip"
    relative = os.path.relpath(path)
    # outputs of rules are relative paths
    return relative if relative.startswith("results/") else path


def external_bundle():
    """The bundle, if this run does not make it; else None."""
    made_here = per_experiment(f"{RUN}/models/{{protocol}}/{{experiment}}/bundle.zip")
    return None if verdict_bundle() in made_here else Path(verdict_bundle())


def bundle_input(wildcards):
    """The bundle, if this run makes it and there are videos."""
    return verdict_bundle() if VERDICT_VIDEOS and not external_bundle() else []


def external_bundle_stamp():
    """The stamp of the bundle, if this run does not make it; else ""."""
    return stamp(external_bundle()) if external_bundle() else ""


def verdict_frame_plan():
    """The frames of a video to examine, if the model was trained with this config's sampling."""
    return plan_frames(config["judge_frames"], config["judge_stride"], config["sampling"])


def check_verdicts():
    """Refuse to go on without videos, with an unusable bundle or with too few frames, before an
    earlier table makes room and the jobs of all videos fail.

    Raises
    ------
    UserError
        Says what is wrong.
    """
    from workflow_scripts.lib.verdicts.bundle import read_bundle

    check_given(config["videos_to_judge"])
    sampling = config["sampling"]
    if path := external_bundle():
        with tempfile.TemporaryDirectory() as scratch:
            sampling = read_bundle(path, Path(scratch)).card["crops"]["sampling"]
    check_frame_count(config["judge_frames"], sampling)


if VERDICT_VIDEOS and external_bundle() and not external_bundle().is_file():
    raise WorkflowError(
        f"judge_with: there is no model bundle {external_bundle()}. Correct the path, or make the "
        "bundle in the run that it is of; without judge_with this run's first experiment judges."
    )

# Functions that verdicts.smk uses.
import os
import tempfile

from workflow_scripts.lib.verdicts.frame_plan import check_frame_count, plan_frames
from workflow_scripts.lib.verdicts.inputs import check_given, find_videos, stamp_of_verdict

VERDICT_SOURCE = config["videos_to_judge"]  # a folder or a table
VERDICT_BUNDLE = (
    config["judge_with"] or f"{RUN}/models/{PROTOCOLS[0]}/{next(iter(EXPERIMENTS))}/bundle.zip"
)
if os.path.relpath(VERDICT_BUNDLE).startswith("results/"):
    VERDICT_BUNDLE = os.path.relpath(VERDICT_BUNDLE)  # as rules name their outputs
OWN_BUNDLES = per_experiment(f"{RUN}/models/{{protocol}}/{{experiment}}/bundle.zip")
EXTERNAL_BUNDLE = None if VERDICT_BUNDLE in OWN_BUNDLES else Path(VERDICT_BUNDLE)
BUNDLE_STAMP = stamp(EXTERNAL_BUNDLE) if EXTERNAL_BUNDLE else ""
# as planned when the model was trained with this config's sampling
FRAME_PLAN = plan_frames(config["judge_frames"], config["judge_stride"], config["sampling"])

try:
    VERDICT_VIDEOS = find_videos(Path(VERDICT_SOURCE)) if VERDICT_SOURCE else {}
except UserError as error:
    raise WorkflowError(str(error))

if VERDICT_VIDEOS and EXTERNAL_BUNDLE and not EXTERNAL_BUNDLE.is_file():
    raise WorkflowError(
        f"judge_with: the model bundle {EXTERNAL_BUNDLE} does not exist. Correct the path, or make "
        "the bundle in the run that it belongs to. Without judge_with, the model of this run's "
        "first experiment is used."
    )


def per_verdict_video(pattern):
    """`pattern` for each video that gets a verdict."""
    return [pattern.format(video=video) for video in VERDICT_VIDEOS]


def video_table():
    """The table of `videos_to_judge`, unless it is a folder."""
    return [VERDICT_SOURCE] if VERDICT_SOURCE and os.path.isfile(VERDICT_SOURCE) else []


def bundle_input(wildcards):
    """The bundle, if this run makes it and there are videos."""
    return VERDICT_BUNDLE if VERDICT_VIDEOS and not EXTERNAL_BUNDLE else []


def check_verdicts():
    """Refuse missing videos, an unusable bundle or too few frames before Snakemake deletes an
    earlier table and the jobs of all videos fail.

    Raises
    ------
    UserError
        Says what is wrong.
    """
    from workflow_scripts.lib.verdicts.bundle import read_bundle

    check_given(VERDICT_SOURCE)
    sampling = config["sampling"]
    if EXTERNAL_BUNDLE:
        with tempfile.TemporaryDirectory() as scratch:
            sampling = read_bundle(EXTERNAL_BUNDLE, Path(scratch)).card["crops"]["sampling"]
    check_frame_count(config["judge_frames"], sampling)

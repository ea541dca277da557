# What the rules share: the checked configuration, the manifest, and small functions.
import ast
import os
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from workflow_scripts.lib.config import complete_config
from workflow_scripts.lib.manifest import read_manifest
from workflow_scripts.lib.models import MODELS
from workflow_scripts.lib.run import UserError, hold

try:
    config = complete_config(config)
    VIDEOS = read_manifest(Path(config["manifest"]))
except UserError as error:
    raise WorkflowError(str(error))

PROTOCOLS = config["splits"]["protocols"]
EXPERIMENTS = config["experiments"]
DETECTOR_ENV = {
    "onnxruntime": "../envs/video.yaml",
    "tensorflow": "../envs/reference.yaml",
}[config["detector"]["backend"]]


@cache
def modules(*names):
    """The library files that scripts or modules import, directly or not.

    As a rule's input they make an edited module re-run the jobs that used it. What a script
    imports under its guard, to be wired to Snakemake, does not count.
    """
    found = set()
    waiting = [
        Path(workflow.basedir) / "workflow_scripts" / f"{name}.py" for name in names
    ]
    while waiting:
        for node in ast.parse(waiting.pop().read_text()).body:
            for part in ast.walk(node) if not isinstance(node, ast.If) else []:
                if (
                    isinstance(part, ast.ImportFrom)
                    and "workflow_scripts.lib." in part.module
                ):
                    file = Path(*part.module.split(".")).with_suffix(".py")
                    if file not in found:
                        found.add(file)
                        waiting.append(Path(workflow.basedir) / file)
    return sorted(map(str, found))


def of_all_videos(pattern):
    """`pattern` for each video of the manifest, in its order."""
    return [pattern.format(video=video) for video in VIDEOS]


def of_all_experiments(pattern):
    """`pattern` for each experiment under each protocol."""
    return expand(pattern, protocol=PROTOCOLS, experiment=EXPERIMENTS)


def video_file(wildcards):
    """The video, if it can be read or made; what else it may be, sample_frames finds out."""
    path = VIDEOS[wildcards.video].path
    made = path.startswith("resources/demo/")
    return path if made or (os.path.isfile(path) and os.access(path, os.R_OK)) else []


def detector_models(wildcards):
    """The networks' files; the TensorFlow backend brings its own."""
    nets = (
        ("pnet", "rnet", "onet")
        if config["detector"]["backend"] == "onnxruntime"
        else ()
    )
    return [f"resources/detector/{net}.onnx" for net in nets]


def growing(amount):
    """A resource that grows with each attempt, so that what was too little is enough in the end."""
    return lambda wildcards, attempt: amount * attempt


def training_memory(wildcards, attempt):
    """MB that training needs: the matrix as bytes, and scikit-learn's copy of it as float32."""
    side = EXPERIMENTS[wildcards.experiment]["side"] or config["faces"]["size"]
    cells = len(VIDEOS) * config["sampling"]["frames"] * side * side * 3
    return round((1000 + 1.3 * 5 * cells / 1e6) * attempt)


def report_figures(wildcards):
    """Every picture and table of the report."""
    explained = [name for name, e in EXPERIMENTS.items() if _has_pixel_importance(e)]
    return [
        *expand("<results>/figures/contact_sheet_{label}.jpg", label=["real", "fake"]),
        "<results>/figures/class_counts.png",
        "<results>/figures/capture_rates.png",
        "<results>/figures/quality.html",
        "<results>/figures/leaderboard.html",
        "<results>/figures/run_times.png",
        *expand("<results>/figures/{protocol}/roc.png", protocol=PROTOCOLS),
        *of_all_experiments("<results>/figures/{protocol}/{experiment}/confusion.png"),
        *expand(
            "<results>/figures/{protocol}/{experiment}/importance.png",
            protocol=PROTOCOLS,
            experiment=explained,
        ),
    ]


def _has_pixel_importance(experiment):
    return (
        experiment["features"] == "pixels"
        and MODELS[experiment["model"]].has_importance
    )


def hold_run():
    """Keep a second snakemake from working on the same run."""
    try:
        hold(Path("results", config["run"], ".lock"), wait=False)
    except UserError as error:
        raise WorkflowError(str(error))


def videos_on_sheet(wildcards):
    """The strips of some videos of a label, spread evenly over the manifest."""
    videos = [video for video, row in VIDEOS.items() if row.label == wildcards.label]
    shown = min(config["report"]["contact_sheet_videos"], len(videos))
    chosen = [videos[i * len(videos) // shown] for i in range(shown)]
    return expand("<results>/faces/{video}.jpg", video=chosen)


def templates(name):
    """A page's template, and the one that it extends."""
    return [f"report/templates/{part}.html.j2" for part in (name, "page")]


def has_demo_videos():
    """Whether the run's videos were made up here, so that its accuracy means nothing."""
    return any(video.path.startswith("resources/demo/") for video in VIDEOS.values())


# The logs that the picture of run times counts, by rule
COUNTED_LOGS = {
    "sample_frames": of_all_videos("<logs>/sample_frames/{video}.log"),
    "crop_faces": of_all_videos("<logs>/crop_faces/{video}.log"),
    "quality_table": ["<logs>/quality_table.log"],
    "build_store": ["<logs>/build_store.log"],
    "split_videos": expand("<logs>/split_videos/{protocol}.log", protocol=PROTOCOLS),
    "train_model": of_all_experiments("<logs>/train_model/{protocol}/{experiment}.log"),
    "evaluate_model": of_all_experiments(
        "<logs>/evaluate_model/{protocol}/{experiment}.log"
    ),
}

# What the rules share: the checked configuration, the manifest, and small functions.
import os
import tempfile
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from workflow_scripts.lib.config import check_videos, complete_config, crop_size, given_server
from workflow_scripts.lib.common.code_files import code_digest, content_digest
from workflow_scripts.lib.training.grid import (
    OUT_OF_BAG,
    count_columns,
    fits,
    settings_id,
    stored_features,
)
from workflow_scripts.lib.faces.finished import (
    check_away,
    planned_attempt,
    planned_stamp,
    has_faces,
)
from workflow_scripts.lib.common.files import stamp
from workflow_scripts.lib.verdicts.inputs import find_videos, stamp_of_verdict
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.training.registry import MODELS, memory_need
from workflow_scripts.lib.data.download_paths import check_apart
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import clear_leftovers
from workflow_scripts.lib.common.locks import hold_lock
from workflow_scripts.lib.training.splits import APART
from workflow_scripts.lib.training.trial import try_experiments
from workflow_scripts.lib.verdicts.decision import DEMO
from workflow_scripts.lib.verdicts.frame_plan import check_enough, wanted_frames

try:
    config = complete_config(config)
    VIDEOS = read_manifest(Path(config["manifest"]))
    check_videos(config, VIDEOS.values())
except UserError as error:
    raise WorkflowError(str(error))

PROTOCOLS = config["splits"]["protocols"]
HONEST = [name for name in PROTOCOLS if name in APART]
EXPERIMENTS = config["experiments"]
LEARNING_CURVES = config["learning_curve"]["experiments"]
OTHER_RUNS = {Path(folder).name: folder for folder in config["evaluate_on"]}
STORED_SETS = sorted({name for e in EXPERIMENTS.values() for name in stored_features(e)})
SAMPLING = {key: config["sampling"][key] for key in ("frames", "every")}  # without its limits
CROP_SIZE = crop_size(config)
LOCK = "envs/base.txt"
VIDEOS_PER_PART = 100  # of which one job computes the features
DETECTOR_ENV = {
    "onnxruntime": "../envs/video.yaml",
    "tensorflow": "../envs/reference.yaml",
}[config["detector"]["backend"]]


def of_all_videos(pattern):
    """`pattern` for each video of the manifest, in its order."""
    return [pattern.format(video=video) for video in VIDEOS]


def of_all_experiments(pattern):
    """`pattern` for each experiment under each protocol."""
    return expand(pattern, protocol=PROTOCOLS, experiment=EXPERIMENTS)


def demo_video(wildcards):
    """The video, where the workflow makes it itself."""
    video = VIDEOS[wildcards.video]
    return video.path if is_demo_video(video) else []


def faces_of(video):
    """Where the status of a video's finished faces lies."""
    return Path(f"results/{config['run']}/faces/{video.video_id}.json")


def stamp_of(video):
    """The stamp that a video is planned with; a demo video is an input."""
    return "demo" if is_demo_video(video) else planned_stamp(video.path, faces_of(video))


def detector_models(wildcards):
    """The networks' files; the TensorFlow backend brings its own."""
    nets = ("pnet", "rnet", "onet") if config["detector"]["backend"] == "onnxruntime" else ()
    return [f"resources/detector/{net}.onnx" for net in nets]


def growing(amount):
    """A resource that grows with each attempt, so that what was too little is enough in the end."""
    return lambda wildcards, attempt: amount * attempt


def training_memory(wildcards, attempt):
    """MB that training needs, from the shape of the store and the model's own need."""
    experiment = EXPERIMENTS[wildcards.experiment]
    rows = len(VIDEOS) * config["sampling"]["frames"]
    columns = count_columns(experiment, CROP_SIZE)
    return round((1000 + memory_need(experiment["model"], rows, columns)) * attempt)


def what_is_trained(wildcards):
    """An experiment without its grid, which other settings of it don't change."""
    return {key: EXPERIMENTS[wildcards.experiment][key] for key in ("features", "side", "model")}


@cache
def settings_of(experiment):
    """The settings that each fit of an experiment's grid answers for, by the fit's name."""
    return {settings_id(settings): settings for settings in fits(EXPERIMENTS[experiment])}


def fit_files(pattern, protocol, experiment):
    """`pattern` for each fit and fold of an experiment under a protocol."""
    out_of_bag = EXPERIMENTS[experiment]["validation"] == "out_of_bag"
    return expand(
        pattern,
        protocol=protocol,
        experiment=experiment,
        settings=settings_of(experiment),
        fold=[OUT_OF_BAG] if out_of_bag else range(config["training"]["folds"]),
    )


def of_all_fits(pattern):
    """An input function that gives `pattern` for each fit and fold of a job's experiment."""
    return lambda wildcards: fit_files(pattern, wildcards.protocol, wildcards.experiment)


def features_of_experiment(wildcards):
    """The store's feature sets that an experiment takes."""
    names = stored_features(EXPERIMENTS[wildcards.experiment])
    return expand("<results>/features/{features}.json", features=names)


def in_other_run(file):
    """An input function that gives a file of the run that a job's model is tested on."""
    return lambda wildcards: f"{OTHER_RUNS[wildcards.other]}/{file}"


def features_elsewhere(wildcards):
    """The feature sets that an experiment takes of another run."""
    names = stored_features(EXPERIMENTS[wildcards.experiment])
    pattern = "<results>/elsewhere/{{other}}/features/{features}.json"
    return expand(pattern, features=names)


def of_all_elsewhere(pattern):
    """`pattern` for each experiment, honest protocol and other run."""
    return expand(
        pattern,
        other=OTHER_RUNS,
        protocol=HONEST,
        experiment=EXPERIMENTS,
    )


def of_all_curves(pattern):
    """`pattern` for each experiment that a learning curve is drawn for."""
    return expand(pattern, experiment=LEARNING_CURVES)


def of_all_subsets(pattern):
    """`pattern` for each fit of the learning curves: by experiment, by number of people, all
    repeats."""
    curve = config["learning_curve"]
    return expand(
        pattern,
        experiment=LEARNING_CURVES,
        halvings=range(1, curve["halvings"] + 1),
        repeat=range(curve["repeats"]),
    )


def feature_parts(wildcards):
    """The parts in which a feature set is computed."""
    parts = range(-(-len(VIDEOS) // VIDEOS_PER_PART))
    return expand("<results>/features/{{features}}/{part}.npy", part=parts)


def drawings():
    """The report's figures: by rule, their names below figures/, and the values of wildcards."""
    explained = [name for name, e in EXPERIMENTS.items() if MODELS[e["model"]].made_of_trees]
    # the pictures of the videos are with the parts, where a run has some
    labels = [] if config["parts"] else ["real", "fake"]
    once, by_protocol = {}, {"protocol": PROTOCOLS}
    by_experiment = {**by_protocol, "experiment": EXPERIMENTS}
    figures = {
        "contact_sheet": (["contact_sheet_{label}.jpg"], {"label": labels}),
        "plot_quality": (["class_counts.png", "capture_rates.png", "quality.html"], once),
        "render_leaderboard": (["leaderboard.html"], once),
        "plot_run_times": (["run_times.png"], once),
        "plot_cost": (["cost.png"], once),
        "render_published": (["published.html"] if config["report"]["published"] else [], once),
        "render_comparisons": (["comparisons.html"] if len(EXPERIMENTS) > 1 else [], once),
        "plot_leak_gap": (["leak_gap.png"] if len(PROTOCOLS) > 1 else [], once),
        "plot_learning_curve": (["learning_curve.png"] if LEARNING_CURVES else [], once),
        "plot_curves": (["{protocol}/curves.png"], by_protocol),
        "plot_reliability": (["{protocol}/reliability.png"], by_protocol),
        "plot_kinds": (["{protocol}/kinds.png"], by_protocol),
        "plot_mistakes": (["{protocol}/mistakes.png"], by_protocol),
        "plot_confusion": (["{protocol}/{experiment}/confusion.png"], by_experiment),
        "plot_importance": (
            ["{protocol}/{experiment}/importance.png"],
            {**by_protocol, "experiment": explained},
        ),
    }
    return {step: drawn for step, drawn in figures.items() if drawn[0]}


def figures_by_rule():
    """Every picture and table of the report, by the rule that makes it."""
    return {
        step: [file for name in names for file in expand(f"<results>/figures/{name}", **values)]
        for step, (names, values) in drawings().items()
    }


def report_figures(wildcards):
    """Every picture and table of the report."""
    return [figure for figures in figures_by_rule().values() for figure in figures]


def log_pattern(step, wildcards):
    """The logs of a rule that has one for each value of its wildcards."""
    return f"{Path('<logs>', step, *(f'{{{name}}}' for name in wildcards))}.log"


def promised(wildcards):
    """Every file that the run promises, by the rule that makes it, in the workflow's order."""
    models = "<results>/models/{protocol}/{experiment}"
    trained = [f"{models}/model.zip", f"{models}/model.json"]
    tested = [".json", ".frames.tsv", ".videos.tsv"]
    quality = [f"<results>/{table}.tsv" for table in ("quality", "capture_rates", "manifest")]
    store = "<results>/store.json"
    of_store = (
        {"join_stores": [*quality, store]}
        if config["parts"]
        else {
            "crop_faces": expand(
                "<results>/faces/{video}{suffix}", video=VIDEOS, suffix=[".npz", ".json", ".jpg"]
            ),
            "quality_table": quality,
            "build_store": [store],
        }
    )
    steps = {
        **of_store,
        "join_features": expand("<results>/features/{name}.json", name=STORED_SETS),
        "split_videos": expand("<results>/splits/{protocol}.tsv", protocol=PROTOCOLS),
        "fit_fold": [
            file
            for protocol in PROTOCOLS
            for experiment in EXPERIMENTS
            for file in fit_files(
                "<results>/tuning/{protocol}/{experiment}/{settings}/{fold}.tsv",
                protocol,
                experiment,
            )
        ],
        "choose_model": of_all_experiments([f"{models}/choice.json", f"{models}/validation.tsv"]),
        "train_model": of_all_experiments(trained),
        "evaluate_model": of_all_experiments(
            [f"<results>/evaluation/{{protocol}}/{{experiment}}{suffix}" for suffix in tested]
        ),
        "evaluate_elsewhere": of_all_elsewhere(
            [
                f"<results>/elsewhere/{{other}}/{{protocol}}/{{experiment}}{suffix}"
                for suffix in tested
            ]
        ),
        "fit_subset": of_all_subsets(
            "<results>/learning_curve/{experiment}/{halvings}/{repeat}.tsv"
        ),
        "learning_curve": ["<results>/learning_curve.tsv"] if LEARNING_CURVES else [],
        "leaderboard": ["<results>/leaderboard.tsv"],
        "compare_experiments": ["<results>/comparisons.tsv"] if len(EXPERIMENTS) > 1 else [],
        **figures_by_rule(),
    }
    return {rule: files for rule, files in steps.items() if files}


def what_results_follow_from(config):
    """The config without what changes no result: where videos and faces come from, and what is
    done with a finished run."""
    left_out = ("download", "face_cache", "verify_against", "videos_to_judge", "judge_")
    return {key: value for key, value in config.items() if not key.startswith(left_out)}


def receipts_of_downloads(wildcards):
    """A receipt for each video of the manifest that is to lie in the download's folder."""
    folder = config["download"]["folder"]
    videos = [v for v, row in VIDEOS.items() if Path(row.path).is_relative_to(folder)]
    return expand(f"{folder}/receipts/{{video}}.json", video=videos)


def is_download(target):
    """Whether a target is what `snakemake download` makes."""
    receipts = Path(config["download"]["folder"], "receipts")
    return target == "download" or Path(target).is_relative_to(receipts)


def start_run():
    """Keep a second snakemake out of this folder, and don't work without the videos' disk."""
    try:
        hold_lock(Path("results/.lock"), wait=False)
        targets = workflow.dag_settings.targets or ()
        if "verdicts" in targets:
            check_given_bundle()
        downloads = [target for target in targets if is_download(target)]
        if downloads:
            given_server(config)
            if len(downloads) < len(targets):
                # nothing would wait for the downloads, and what is not there yet is judged missing
                raise UserError(
                    "Downloads stand alone: run `snakemake download` first, and then the rest "
                    "without it."
                )
            check_apart(video.path for video in VIDEOS.values())
        else:
            check_sampled_videos()
            if any(job.rule.name == "fit_fold" for job in workflow.dag.needrun_jobs()):
                try_experiments(EXPERIMENTS, len(VIDEOS) * config["sampling"]["frames"])
    except UserError as error:
        raise WorkflowError(str(error))


def check_sampled_videos():
    """Don't sample videos that are away where that replaces faces, or where a disk must be away."""
    videos = {name: row for name, row in VIDEOS.items() if not is_demo_video(row)}
    sampled = {
        job.wildcards.video
        for job in workflow.dag.needrun_jobs()
        if job.rule.name == "sample_frames"
    }
    check_away(
        {name: row.path for name, row in videos.items() if name in sampled},
        Path(f"results/{config['run']}/faces"),
        len(VIDEOS),
        config["quality"]["max_rejected_fraction"],
    )
    if not any(job.rule.name == "crop_faces" for job in workflow.dag.jobs):
        return
    kept = [row for row in videos.values() if not stamp(row.path) and has_faces(faces_of(row))]
    if kept:
        logger.warning(
            f"{len(kept)} of {len(VIDEOS)} videos are not there, {kept[0].path!r} for example: the "
            "run goes on with the faces that were found before."
        )


def end_run():
    """Clear what killed jobs have left: not before, since on a cluster some may still write when
    their snakemake is gone; and not for `verify`, which changes nothing. In the cache of faces
    other runs write, but none for a day."""
    if "verify" not in (workflow.dag_settings.targets or ()):
        clear_leftovers(Path("results", config["run"]))
        clear_leftovers(Path("resources"))
        if config["face_cache"]:
            clear_leftovers(Path(config["face_cache"]), older_than_s=24 * 3600)


@cache
def judged_videos():
    """The videos of `videos_to_judge`, by the ids that their files get."""
    try:
        if config["videos_to_judge"] is None:
            raise UserError(
                "videos_to_judge is not set. Name a folder or a table of videos: "
                "`snakemake verdicts --config videos_to_judge=FOLDER`."
            )
        return find_videos(Path(config["videos_to_judge"]))
    except UserError as error:
        raise WorkflowError(str(error))


def of_all_judged(pattern):
    """An input function that gives `pattern` for each video that is judged."""
    return lambda wildcards: [pattern.format(video=video) for video in judged_videos()]


def judged_table():
    """The table of videos that are judged, where it is no folder."""
    source = config["videos_to_judge"]
    return [source] if source and os.path.isfile(source) else []


def judging_bundle():
    """The bundle that judges."""
    given = config["judge_with"]
    if not given:
        return f"results/{config['run']}/models/{PROTOCOLS[0]}/{next(iter(EXPERIMENTS))}/bundle.zip"
    here = os.path.relpath(given)
    # as Snakemake knows what its rules make
    return here if here.startswith("results/") else given


def given_bundle():
    """The bundle that judges, if this run does not make it; else None."""
    models = f"results/{config['run']}/models"
    own = of_all_experiments(f"{models}/{{protocol}}/{{experiment}}/bundle.zip")
    return None if judging_bundle() in own else Path(judging_bundle())


def own_bundle(wildcards):
    """The bundle that judges, if this run makes it."""
    return [] if given_bundle() else judging_bundle()


def stamp_of_given_bundle():
    """The stamp of the bundle that judges, if this run does not make it."""
    return stamp(given_bundle()) if given_bundle() else ""


def judged_frames():
    """Which frames of a judged video are looked at, if the model was trained with this config's."""
    return wanted_frames(config["judge_frames"], config["judge_every"], config["sampling"])


def find_given_bundle():
    """Stop where the bundle that judges is not there and this run does not make it."""
    path = given_bundle()
    if path and not path.is_file():
        raise WorkflowError(
            f"judge_with: there is no model bundle {path}. Correct the path, or make the bundle in "
            "the run that it is of; without judge_with this run's first experiment judges."
        )


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


def is_demo_video(video):
    """Whether a video is one of those that the workflow makes up itself."""
    return video.path.startswith("resources/demo/")


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
    """Whether some of the run's videos are made up, so that its accuracy means nothing."""
    return any(video.dataset == DEMO for video in VIDEOS.values())


# The logs that the picture of run times counts, by rule
STORE_LOGS = (
    {"join_stores": ["<logs>/join_stores.log"]}
    if config["parts"]
    else {
        "sample_frames": of_all_videos("<logs>/sample_frames/{video}.log"),
        "crop_faces": of_all_videos("<logs>/crop_faces/{video}.log"),
        "quality_table": ["<logs>/quality_table.log"],
        "build_store": ["<logs>/build_store.log"],
    }
)
COUNTED_LOGS = {
    **STORE_LOGS,
    "extract_features": [
        f"<logs>/extract_features/{name}/{part}.log"
        for name in STORED_SETS
        for part in range(-(-len(VIDEOS) // VIDEOS_PER_PART))
    ],
    "split_videos": expand("<logs>/split_videos/{protocol}.log", protocol=PROTOCOLS),
    "fit_fold": [
        log
        for protocol in PROTOCOLS
        for experiment in EXPERIMENTS
        for log in fit_files(
            "<logs>/fit_fold/{protocol}/{experiment}/{settings}/{fold}.log", protocol, experiment
        )
    ],
    "train_model": of_all_experiments("<logs>/train_model/{protocol}/{experiment}.log"),
    "evaluate_model": of_all_experiments("<logs>/evaluate_model/{protocol}/{experiment}.log"),
    "evaluate_elsewhere": of_all_elsewhere(
        "<logs>/evaluate_elsewhere/{other}/{protocol}/{experiment}.log"
    ),
    "fit_subset": of_all_subsets("<logs>/fit_subset/{experiment}/{halvings}/{repeat}.log"),
}
COUNTED_LOGS = {rule: logs for rule, logs in COUNTED_LOGS.items() if logs}
# Those of the other rules that `run.json` follows from, which it counts too
MINOR_LOGS = {
    "join_features": expand("<logs>/join_features/{name}.log", name=STORED_SETS),
    "choose_model": of_all_experiments("<logs>/choose_model/{protocol}/{experiment}.log"),
    "select_elsewhere": expand(
        "<logs>/select_elsewhere/{other}/{protocol}.log", other=OTHER_RUNS, protocol=HONEST
    ),
    "extract_elsewhere": expand(
        "<logs>/extract_elsewhere/{other}/{name}.log", other=OTHER_RUNS, name=STORED_SETS
    ),
    "learning_curve": ["<logs>/learning_curve.log"] if LEARNING_CURVES else [],
    "leaderboard": ["<logs>/leaderboard.log"],
    "compare_experiments": ["<logs>/compare_experiments.log"] if len(EXPERIMENTS) > 1 else [],
    **{
        step: expand(log_pattern(step, values), **values)
        for step, (_, values) in drawings().items()
    },
}

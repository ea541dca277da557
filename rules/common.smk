# What several stages need: the checked configuration, the manifest, and a few small functions.
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError

try:
    from workflow_scripts.lib.config import check_videos, complete_config, crop_size
except ModuleNotFoundError as error:
    raise WorkflowError(
        f"The project's packages are not here ({error}). Type `source .venv/bin/activate`; "
        "`make demo` makes that environment."
    ) from error
from workflow_scripts.lib.common.code_files import ROOT, code_digest, content_digest, with_code
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import clear_leftovers
from workflow_scripts.lib.common.locks import hold_lock
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.training.grid import count_columns, stored_features
from workflow_scripts.lib.training.registry import memory_need
from workflow_scripts.lib.training.splits import APART

try:
    config = complete_config(config)
    config["manifest"] = with_code(config["manifest"])
    if config["report"]["published"]:
        config["report"]["published"] = with_code(config["report"]["published"])
    VIDEOS = read_manifest(Path(config["manifest"]))
    check_videos(config, VIDEOS.values())
    # for the report's front page, which sees the config alone
    config["report"]["demo"] = any(video.is_demo for video in VIDEOS.values())
except UserError as error:
    raise WorkflowError(str(error))

RUN = f"results/{config['run']}"
PROTOCOLS = config["splits"]["protocols"]
HONEST = [name for name in PROTOCOLS if name in APART]
EXPERIMENTS = config["experiments"]
STORED_SETS = sorted({name for e in EXPERIMENTS.values() for name in stored_features(e)})
SAMPLING = {key: config["sampling"][key] for key in ("frames", "stride")}  # without its limits
CROP_SIZE = crop_size(config)
# What the target `all` asks for besides the record; each stage adds its own, a line below its rules
RESULTS, FIGURES = [], []
# What all runs in a working directory use, and the rule that makes it
SHARED_BY_RUNS = {"resources/detector": "export_detector", "resources/demo": "make_demo_video"}


def growing(amount):
    """A resource that grows with each attempt, so that what was too little is enough in the end."""
    return lambda wildcards, attempt: amount * attempt


SMALL_JOB_MB = growing(1000)
# Of rules that request nothing else: enough for a few tables and pictures
DEFAULT_RESOURCES = {"mem_mb": growing(1000), "runtime": growing(10)}  # runtime in minutes


def training_memory(wildcards, attempt):
    """MB that training needs, from the shape of the store and the model's own need."""
    experiment = EXPERIMENTS[wildcards.experiment]
    rows = len(VIDEOS) * config["sampling"]["frames"]
    columns = count_columns(experiment, CROP_SIZE)
    return round((1000 + memory_need(experiment["model"], rows, columns)) * attempt)


def complete_rules():
    """Add to each rule with a script what all of them share.

    A digest of the modules that the script imports is a parameter, so that an edit runs the jobs
    again; a download is not repeated for that. `DEFAULT_RESOURCES` replace Snakemake's own, not
    what the rule or `--set-resources` requests.
    """
    overwritten = workflow.resource_settings._parsed_overwrite_resources
    for each in workflow.rules:
        script = re.search(r"\bworkflow_scripts/(\w+/\w+)\.py$", each.script or "")
        if not script:
            continue
        if script[1] != "data/download_video":
            each.set_params(code_digest(script[1]))
        _, declared = each.ruleinfo.resources or ((), {})
        for name, amount in DEFAULT_RESOURCES.items():
            if name not in {*declared, *overwritten.get(each.name, ())}:
                each.resources[name] = amount


def per_video(pattern):
    """`pattern` for each video of the manifest, in its order."""
    return [pattern.format(video=video) for video in VIDEOS]


def per_experiment(pattern):
    """`pattern` for each experiment under each protocol."""
    return expand(pattern, protocol=PROTOCOLS, experiment=EXPERIMENTS)


def named_experiment(wildcards):
    """An experiment with its name, and without its grid, which other settings of it don't change."""
    experiment = EXPERIMENTS[wildcards.experiment]
    kept = {key: experiment[key] for key in ("features", "resize", "model")}
    return {"name": wildcards.experiment, **kept}


def features_of_experiment(wildcards):
    """The store's feature sets that an experiment takes."""
    names = stored_features(EXPERIMENTS[wildcards.experiment])
    return expand("<results>/features/{features}.json", features=names)


def templates(name):
    """A page's template, and the one that it extends."""
    return [ROOT / f"report/templates/{part}.html.j2" for part in (name, "page")]


def hold_locks():
    """Lock what this run writes for itself alone, and what it only reads against writers."""
    planned = {job.rule.name for job in workflow.dag.needrun_jobs()}
    hold_lock(Path(RUN, ".lock"), wait=False)
    for folder in (*config["join_runs"], *config["test_on_runs"]):
        hold_lock(Path(folder, ".lock"), wait=False, shared=True)
    for folder, maker in SHARED_BY_RUNS.items():
        hold_lock(Path(folder, ".lock"), wait=True, shared=maker not in planned)


def start_run():
    """Keep a second snakemake out of this run, and refuse what can be seen to go wrong."""
    targets = workflow.dag_settings.targets or ()
    try:
        if any(job.rule.name == "verdicts" for job in workflow.dag.jobs):
            check_verdicts()
        if any(is_download(target) for target in targets):
            check_downloads(targets)
        else:
            check_sampled_videos()
            check_experiments()
        hold_locks()  # last: what is refused leaves no folder behind
    except UserError as error:
        raise WorkflowError(str(error))


def end_run():
    """Clear what killed jobs have left: not before, since on a cluster some may still write when
    their snakemake is gone; and not for `verify`, which changes nothing. In the cache of faces
    other runs write, but none for a day."""
    if "verify" not in (workflow.dag_settings.targets or ()):
        clear_leftovers(Path(RUN))
        clear_leftovers(Path("resources"))
        if config["face_cache"]:
            clear_leftovers(Path(config["face_cache"]), older_than_s=24 * 3600)

# The checked config, the manifest, and functions that several stages use.
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError

try:
    from workflow_scripts.lib.config import check_videos, complete_config, crop_size
except ModuleNotFoundError as error:
    raise WorkflowError(
        f"The project's packages are not installed here ({error}). Run `source "
        ".venv/bin/activate`; `make demo` creates that environment."
    ) from error
from workflow_scripts.lib.common.code_files import ROOT, code_digest, content_digest, with_code
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.training.grid import count_columns, stored_features
from workflow_scripts.lib.training.registry import MODELS, memory_need
from workflow_scripts.lib.training.splits import APART

try:
    config = complete_config(config)
    config["manifest"] = with_code(config["manifest"])
    if config["report"]["published"]:
        config["report"]["published"] = with_code(config["report"]["published"])
    VIDEOS = read_manifest(Path(config["manifest"]))
    check_videos(config, VIDEOS.values())
    # for the report's front page, which reads only the config
    config["report"]["demo"] = any(video.is_demo for video in VIDEOS.values())
except UserError as error:
    raise WorkflowError(str(error))

RUN = f"results/{config['run']}"
PROTOCOLS = config["splits"]["protocols"]
HONEST = [name for name in PROTOCOLS if name in APART]
EXPERIMENTS = config["experiments"]
SAMPLING = {key: config["sampling"][key] for key in ("frames", "stride")}  # without its limits
CROP_SIZE = crop_size(config)
# Targets of `all` besides the record; each stage adds its own at the end of its file
RESULTS, FIGURES = [], []


def growing(amount):
    """A resource that grows with each attempt, so that a retry gets more."""
    return lambda wildcards, attempt: amount * attempt


# Of rules that request nothing else: enough for a few tables and pictures
DEFAULT_RESOURCES = {"mem_mb": growing(1000), "runtime": growing(10)}  # runtime in minutes


def training_memory(wildcards, attempt):
    """Memory for training in MB, estimated from the store's shape and the model."""
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
    """An experiment without its grid: editing that must not repeat fits that remain in it."""
    experiment = EXPERIMENTS[wildcards.experiment]
    return {
        "name": wildcards.experiment,
        **{key: experiment[key] for key in ("features", "resize", "model")},
    }


def features_of_experiment(wildcards):
    """The feature sets of the store that an experiment uses."""
    names = stored_features(EXPERIMENTS[wildcards.experiment])
    return expand("<results>/features/{features}.json", features=names)


def templates(name):
    """A page's template and the one that it extends."""
    return [ROOT / f"report/templates/{part}.html.j2" for part in (name, "page")]


include: "helpers/common.smk"

"""The configuration of a run: fills in defaults and explains errors."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.features import FEATURE_SETS, find_feature_set
from workflow_scripts.lib.training.registry import MODELS
from workflow_scripts.lib.training.splits import APART

SCHEMA = Path(__file__).parents[2] / "config/schemas/config.schema.yaml"
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def complete_config(config: dict[str, Any]) -> dict[str, Any]:
    """Validate a configuration, and return a new one with the schema's defaults filled in.

    Raises a UserError with one sentence per problem: key, value and remedy.
    """
    from jsonschema import Draft202012Validator

    schema = yaml.load(SCHEMA.read_text(encoding="utf-8"), yaml.CSafeLoader)
    errors = sorted(  # innermost first; YAML keys need not be strings
        Draft202012Validator(schema).iter_errors(config),
        key=lambda error: (-len(error.path), [str(step) for step in error.path]),
    )
    problems = [*map(_explain, errors), *_non_finite_problems(config)]
    if not problems:
        config = _fill_defaults(config, schema)
        problems = list(_cross_field_problems(config))
    if problems:
        raise UserError("The configuration has a problem.\n" + "\n".join(problems))
    return config


def check_videos(config: dict[str, Any], videos: Iterable[Video]) -> None:
    """Raise a UserError if a label, or what the protocol `official` needs, is missing."""
    rows = list(videos)
    manifest = config["manifest"]
    labels = {video.label for video in rows}
    for label in Label:
        if label.word not in labels:
            raise UserError(
                f"The manifest {manifest} has no {label.word} videos. A model needs both labels."
            )
    if "official" not in config["splits"]["protocols"]:
        return
    for video in rows:
        if not video.split:
            raise UserError(
                "splits.protocols: 'official' needs the manifest's column `split` filled for every "
                f"video; it is empty for {video.video_id!r} in {manifest}. Fill it in, or choose "
                "another protocol."
            )
    for split in ("train", "test"):
        labels = {video.label for video in rows if video.split == split}
        if len(labels) < len(Label):
            raise UserError(
                "splits.protocols: 'official' needs real and fake videos in both train and test; "
                f"{split} has {' and '.join(labels) or 'none'} in {manifest}."
            )


def crop_size(config: dict[str, Any]) -> int:
    """The side of the run's crops, pixels; a joined run has that of its first finished part."""
    for part in config["join_runs"]:
        try:
            store = json.loads((Path(part) / "store.json").read_text(encoding="utf-8"))
            return int(store["made_with"]["faces"]["size"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # Snakemake reports a missing file, join_stores a damaged one
    return int(config["faces"]["size"])


def require_server(config: dict[str, Any]) -> str:
    """The address of the FaceForensics++ server; raises a UserError if the config has none."""
    server = config["download"]["server"]
    if not server:
        raise UserError(
            "download.server is empty. Set it to the address that the authors of FaceForensics++ "
            "gave you when you agreed to their terms."
        )
    return server


def _fill_defaults(value: Any, schema: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    schemas = schema.get("properties", {})
    other = schema.get("additionalProperties") or {}
    values = {key: part["default"] for key, part in schemas.items() if "default" in part} | value
    order = dict.fromkeys([*schemas, *value])
    return {
        key: _fill_defaults(values[key], schemas.get(key, other)) for key in order if key in values
    }


def _explain(error: Any) -> str:
    key = ".".join(str(part) for part in error.absolute_path) or "the file"
    value = error.instance
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = sorted(value.keys() - known.keys(), key=str)[0]
        return (
            f"{key}: unknown key {unknown!r}. Known keys are {', '.join(known)}. Correct or remove "
            "it."
        )
    if error.validator == "required":
        return f"{key}: {error.message}. Add it."
    is_scalar = isinstance(value, int | float)  # includes True and False
    if error.validator == "type" and "string" in error.validator_value and is_scalar:
        problem = f"{key}: {value!r} was read as a number or boolean, but text is needed."
        if "propertyNames" in error.absolute_schema_path:
            return f'{problem} Put the name in quotes: "{value}".'
        name = key.rpartition(".")[2]
        return (
            f'{problem} Put it in quotes: `{name}: "2026"` in the file, '
            f"`--config '{name}=!!str 2026'` on the command line."
        )
    needed = error.schema.get("description", "")
    return f"{key}: {value!r} is not allowed ({error.message}). Needed: {needed}"


def _non_finite_problems(value: Any, key: str = "") -> Iterator[str]:
    """Problems with infinity and NaN, which passes all limits of a schema."""
    if isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _non_finite_problems(part, f"{key}.{name}" if key else str(name))
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{key}: {value} is not allowed. Needed: a finite number."


def _cross_field_problems(config: dict[str, Any]) -> Iterator[str]:
    detector = config["detector"]
    if detector["backend"] == "tensorflow" and detector["min_face_size"] > 20:
        yield (
            f"detector.min_face_size: {detector['min_face_size']} is too large for the backend "
            "tensorflow, which supports at most 20. Lower it, or choose onnxruntime."
        )
    if config["face_cache"] and detector["backend"] != "onnxruntime":
        yield (
            f"face_cache: {config['face_cache']!r} supports only the backend onnxruntime. Remove "
            "it, or choose that backend."
        )
    published = config["report"]["published"]
    if published and not Path(published).is_file():
        yield f"report.published: there is no file {published!r}. Correct the path, or remove it."
    yield from _duplicate_name_problems(config["experiments"])
    yield from _test_run_problems(config)
    yield from _learning_curve_problems(config)
    size = crop_size(config)
    for name, experiment in config["experiments"].items():
        for problem in _experiment_problems(experiment, size, bool(config["join_runs"])):
            yield f"experiments.{name}{problem}"


def _duplicate_name_problems(experiments: Iterable[str]) -> Iterator[str]:
    first: dict[str, str] = {}
    for name in experiments:
        other = first.setdefault(name.lower(), name)
        if other != name:
            yield (
                f"experiments: {other!r} and {name!r} are the same file name on many disks, and "
                "one would overwrite the other. Rename one."
            )


def _test_run_problems(config: dict[str, Any]) -> Iterator[str]:
    names = {config["run"].lower()}  # many disks ignore case
    for folder in config["test_on_runs"]:
        name = Path(folder).name
        if not RUN_NAME.fullmatch(name):
            yield f"test_on_runs: {folder!r} is not a run's folder, such as results/other."
        elif name.lower() in names:
            yield (
                f"test_on_runs: {folder!r} has the same name as this run or another one in the "
                "list, and results identify runs by name. Rename the folder."
            )
        names.add(name.lower())
    if config["test_on_runs"] and not set(APART) & set(config["splits"]["protocols"]):
        yield (
            "test_on_runs: needs the protocol identity or official; models of other protocols are "
            "trained on everybody. Add one to splits.protocols."
        )


def _learning_curve_problems(config: dict[str, Any]) -> Iterator[str]:
    names = config["learning_curve"]["experiments"]
    for name in names:
        if name not in config["experiments"]:
            yield (
                f"learning_curve.experiments: {name!r} is not an experiment of this run. Choose "
                f"from {', '.join(config['experiments'])}."
            )
    if names and "identity" not in config["splits"]["protocols"]:
        yield (
            "learning_curve.experiments: needs the protocol identity, because the test needs "
            "people that no model was trained on. Add it to splits.protocols."
        )


def _experiment_problems(experiment: dict[str, Any], size: int, joined: bool) -> Iterator[str]:
    """Problems of an experiment; each starts with its key within the experiment."""
    side, features = experiment["resize"], experiment["features"]
    try:
        feature_set = find_feature_set(features)
    except KeyError:
        yield (
            f".features: {features!r} is not a feature set. Choose one of "
            f"{', '.join(FEATURE_SETS)}, or several different ones joined by +."
        )
    else:
        if (side or size) < feature_set.min_side:
            yield (
                f".resize: {feature_set.name} needs crops of at least {feature_set.min_side} "
                "pixels. Raise it, or remove it."
            )
    if side is not None and side > size:
        limit = "the crops of the parts" if joined else "faces.size"
        yield (
            f".resize: {side} is larger than {limit} ({size}), but crops can only be shrunk. "
            "Lower it, or raise faces.size."
        )
    name, params, grid = experiment["model"], experiment["params"], experiment["grid"]
    if name not in MODELS:
        yield f".model: {name!r} is not a model. Choose one of {', '.join(MODELS)}."
        return
    model = MODELS[name]
    for key in ("params", "grid"):
        for parameter in experiment[key]:
            if parameter not in model.parameters:
                known = ", ".join(model.parameters) or "none"
                yield f".{key}: {name} has no parameter {parameter!r}. Its parameters: {known}."
    if both := sorted(params.keys() & grid.keys()):
        yield f": {both[0]!r} is in both params and grid. Remove one."
    if model.only_bytes:
        yield from _pixel_forest_problems(experiment)
    elif experiment["validation"] == "out_of_bag":
        yield ".validation: 'out_of_bag' is only for the model pixel_forest. Choose 'folds'."


def _pixel_forest_problems(experiment: dict[str, Any]) -> Iterator[str]:
    if experiment["features"] != "pixels":
        yield (
            f".features: pixel_forest needs bytes, which {experiment['features']!r} are not. "
            "Choose pixels, or the model random_forest."
        )
    settings = {**experiment["params"], **experiment["grid"]}
    if experiment["validation"] == "out_of_bag" and settings.get("bootstrap") is False:
        yield ".validation: 'out_of_bag' needs bootstrap. Choose 'folds', or remove `bootstrap`."
    sizes = settings.get("n_estimators", [])
    for size in sizes if isinstance(sizes, list) else [sizes]:
        if not isinstance(size, int) or size < 1:
            yield f": n_estimators must be whole numbers from 1, not {size!r}."

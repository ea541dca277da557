"""The configuration of a run: defaults filled in, mistakes explained."""

from __future__ import annotations

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

__all__ = ["check_videos", "complete_config", "crop_size", "given_server"]

SCHEMA = Path(__file__).parents[2] / "config/schemas/config.schema.yaml"
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def complete_config(config: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of `config/schemas/config.schema.yaml` and check the whole.

    Parameters
    ----------
    config : dict
        As read from the run's YAML file.

    Returns
    -------
    dict
        A new configuration in which every key of the schema is present.

    Raises
    ------
    UserError
        One sentence per mistake, with key, value and remedy.
    """
    from jsonschema import Draft202012Validator

    schema = yaml.load(SCHEMA.read_text(encoding="utf-8"), yaml.CSafeLoader)
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=_place)
    problems = [_explain(error) for error in errors] + list(_endless_numbers(config))
    if not problems:
        config = _with_defaults(config, schema)
        problems = list(_cross_field_problems(config))
    if problems:
        raise UserError("The configuration has a problem.\n" + "\n".join(problems))
    return config


def _place(error: Any) -> tuple[int, list[str]]:
    """Where a mistake comes in the list, the outermost last; YAML has keys that are no text."""
    return -len(error.path), [str(step) for step in error.path]


def check_videos(config: dict[str, Any], videos: Iterable[Video]) -> None:
    """Check that the videos are enough for what the config wants of them.

    Raises
    ------
    UserError
        A label is missing, or what the protocol `official` needs.
    """
    rows = list(videos)
    manifest = config["manifest"]
    for label in Label:
        if not any(video.label == label.word for video in rows):
            raise UserError(
                f"The manifest {manifest} has no {label.word} videos. A model needs both labels."
            )
    if "official" in config["splits"]["protocols"]:
        for video in rows:
            if not video.split:
                raise UserError(
                    "splits.protocols: 'official' needs the manifest's column `split` filled for "
                    f"every video; it is empty for {video.video_id!r} in {manifest}. Fill it in, "
                    "or take another protocol."
                )
        for part in ("train", "test"):
            labels = {video.label for video in rows if video.split == part}
            if len(labels) < len(Label):
                raise UserError(
                    "splits.protocols: 'official' needs real and fake videos in both train and "
                    f"test; {part} has {' and '.join(labels) or 'none'} in {manifest}."
                )


def crop_size(config: dict[str, Any]) -> int:
    """The side of the run's crops, pixels: of a joined run that of its parts' crops, as far as they
    are finished."""
    for part in config["join_runs"]:
        try:
            made = json.loads((Path(part) / "store.json").read_text(encoding="utf-8"))["made_with"]
            return int(made["faces"]["size"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # Snakemake tells that it is missing, join_stores that it is damaged
    return int(config["faces"]["size"])


def given_server(config: dict[str, Any]) -> str:
    """The address that FaceForensics++ is downloaded from.

    Raises
    ------
    UserError
        The config names none.
    """
    server = config["download"]["server"]
    if not server:
        raise UserError(
            "download.server is empty. Set it to the address that the authors of FaceForensics++ "
            "gave you when you agreed to their terms."
        )
    return server


def _with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    other = schema.get("additionalProperties")
    complete = {
        key: _with_defaults(value.get(key, part.get("default")), part)
        for key, part in properties.items()
        if key in value or "default" in part
    }
    for key in value:  # in the file's order, which is the report's
        if key not in properties:
            complete[key] = _with_defaults(value[key], other if isinstance(other, dict) else {})
    return complete


def _explain(error: Any) -> str:
    key = ".".join(str(part) for part in error.absolute_path) or "the file"
    description = error.schema.get("description", "")
    if error.validator == "additionalProperties":
        unknown = sorted(error.instance.keys() - error.schema.get("properties", {}).keys(), key=str)
        known = ", ".join(error.schema.get("properties", {}))
        return f"{key}: unknown key {unknown[0]!r}. Known here are {known}. Correct or remove it."
    if error.validator == "required":
        return f"{key}: {error.message}. Add it."
    if error.validator == "type" and "string" in error.validator_value and _is_scalar(error):
        wrong = (
            f"{key}: {error.instance!r} was read as a number or a yes or no, and text is needed."
        )
        if "propertyNames" in error.absolute_schema_path:
            return f'{wrong} Put the name in quotes: "{error.instance}".'
        last = key.rpartition(".")[2]
        return (
            f'{wrong} Say that it is text: `{last}: "2026"` in the file, '
            f"`--config '{last}=!!str 2026'` on the command line."
        )
    return f"{key}: {error.instance!r} is not allowed ({error.message}). Needed: {description}"


def _is_scalar(error: Any) -> bool:
    return isinstance(error.instance, int | float)  # True and False are ints


def _endless_numbers(value: Any, key: str = "the file") -> Iterator[str]:
    """NaN compares with no limit, so the schema lets it pass."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _endless_numbers(part, f"{key}.{name}".removeprefix("the file."))
    elif isinstance(value, list):
        for part in value:
            yield from _endless_numbers(part, key)
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{key}: {value} is not allowed. Needed: a finite number."


def _cross_field_problems(config: dict[str, Any]) -> Iterator[str]:
    detector = config["detector"]
    if detector["backend"] == "tensorflow" and detector["min_face_size"] > 20:
        yield (
            f"detector.min_face_size: {detector['min_face_size']} is more than the backend "
            "tensorflow can do, which finds nothing above 20. Lower it, or take onnxruntime."
        )
    if config["face_cache"] and detector["backend"] != "onnxruntime":
        yield (
            f"face_cache: {config['face_cache']!r} holds faces of the backend onnxruntime only. "
            "Leave it out, or take that backend."
        )
    if (published := config["report"]["published"]) and not Path(published).is_file():
        yield (
            f"report.published: there is no file {published!r}. Correct the path, or leave it out."
        )
    yield from _same_names(config["experiments"])
    yield from _other_run_problems(config)
    yield from _learning_curve_problems(config)
    size = crop_size(config)
    for name, experiment in config["experiments"].items():
        where = f"experiments.{name}"
        side = experiment["resize"]
        try:
            feature_set = find_feature_set(experiment["features"])
        except KeyError:
            yield (
                f"{where}.features: {experiment['features']!r} is no feature set. "
                f"Take one of {', '.join(FEATURE_SETS)}, or several, each once, joined by +."
            )
        else:
            if (side or size) < feature_set.min_side:
                yield (
                    f"{where}.resize: {feature_set.name} needs crops of at least "
                    f"{feature_set.min_side} pixels. Raise it, or leave it out."
                )
        if experiment["model"] not in MODELS:
            yield (
                f"{where}.model: {experiment['model']!r} is no model. "
                f"Take one of {', '.join(MODELS)}."
            )
        else:
            model = MODELS[experiment["model"]]
            for key in ("params", "grid"):
                for parameter in experiment[key]:
                    if parameter not in model.parameters:
                        yield (
                            f"{where}.{key}: {experiment['model']} has no parameter "
                            f"{parameter!r}. It takes {', '.join(model.parameters) or 'none'}."
                        )
            if both := sorted(experiment["params"].keys() & experiment["grid"].keys()):
                yield f"{where}: {both[0]!r} stands in params and in grid. Take it out of one."
            if model.only_bytes:
                yield from _pixel_forest_problems(where, experiment)
            elif experiment["validation"] == "out_of_bag":
                yield (
                    f"{where}.validation: 'out_of_bag' is for the model pixel_forest only. "
                    "Take 'folds'."
                )
        if side is not None and side > size:
            of_whom = "the crops of the parts" if config["join_runs"] else "faces.size"
            yield (
                f"{where}.resize: {side} is larger than {of_whom} ({size}), and crops are only "
                "ever shrunk. Lower it, or raise faces.size."
            )


def _same_names(experiments: Iterable[str]) -> Iterator[str]:
    known: dict[str, str] = {}
    for name in experiments:
        there = known.setdefault(name.lower(), name)
        if there != name:
            yield (
                f"experiments: {there!r} and {name!r} are the same name on many disks, and one "
                "would overwrite the other. Rename one."
            )


def _other_run_problems(config: dict[str, Any]) -> Iterator[str]:
    names = [config["run"].lower()]  # many disks don't tell upper from lower case
    for folder in config["test_on_runs"]:
        name = Path(folder).name
        if not RUN_NAME.fullmatch(name):
            yield f"test_on_runs: {folder!r} is no folder of a run, such as results/other."
        elif name.lower() in names:
            yield (
                f"test_on_runs: {folder!r} has the name of this run or of another one of the list, "
                "and results tell runs apart by their names. Rename the folder."
            )
        names.append(name.lower())
    if config["test_on_runs"] and not set(APART) & set(config["splits"]["protocols"]):
        yield (
            "test_on_runs: needs the protocol identity or official; models of other protocols have "
            "seen everybody. Add one to splits.protocols."
        )


def _learning_curve_problems(config: dict[str, Any]) -> Iterator[str]:
    names = config["learning_curve"]["experiments"]
    for name in names:
        if name not in config["experiments"]:
            yield (
                f"learning_curve.experiments: {name!r} is no experiment of this run. "
                f"Take some of {', '.join(config['experiments'])}."
            )
    if names and "identity" not in config["splits"]["protocols"]:
        yield (
            "learning_curve.experiments: needs the protocol identity, for only people that no "
            "model has seen can tell. Add it to splits.protocols."
        )


def _pixel_forest_problems(where: str, experiment: dict[str, Any]) -> Iterator[str]:
    if experiment["features"] != "pixels":
        yield (
            f"{where}.features: pixel_forest takes bytes, and {experiment['features']!r} are no "
            "bytes. Take pixels, or the model random_forest."
        )
    settings = {**experiment["params"], **experiment["grid"]}
    if experiment["validation"] == "out_of_bag" and settings.get("bootstrap") is False:
        yield f"{where}.validation: 'out_of_bag' needs bootstrap. Take 'folds', or leave it on."
    sizes = settings.get("n_estimators", [])
    for size in sizes if isinstance(sizes, list) else [sizes]:
        if not isinstance(size, int) or size < 1:
            yield f"{where}: n_estimators must be whole numbers from 1, not {size!r}."

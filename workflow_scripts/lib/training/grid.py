"""The settings that an experiment's grid asks for, and the features that it takes."""

from __future__ import annotations

import hashlib
import json
from itertools import product
from typing import Any

from workflow_scripts.lib.features import find_feature_set
from workflow_scripts.lib.training.registry import MODELS

__all__ = ["OUT_OF_BAG", "count_columns", "fits", "settings_id", "stored_features"]

OUT_OF_BAG = "oob"  # in place of a fold's number: the forest's own estimate


def fits(experiment: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The fits that an experiment's grid needs, each with the settings that it answers for.

    A model with a `prefix` parameter (a pixel forest and its number of trees) answers for all of
    its values in one fit, smallest first; the last is the one to fit.
    """
    grid = dict(experiment["grid"])
    prefix = MODELS[experiment["model"]].prefix
    sizes = sorted(grid.pop(prefix, [])) if prefix else []
    found = []
    for values in product(*grid.values()):
        settings = {**experiment["params"], **dict(zip(grid, values, strict=True))}
        found.append([{**settings, prefix: size} for size in sizes] or [settings])
    return found


def settings_id(settings: list[dict[str, Any]]) -> str:
    """A short name for the settings of one fit, which other entries of the grid don't change."""
    return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=5).hexdigest()


def stored_features(experiment: dict[str, Any]) -> list[str]:
    """The names of an experiment's feature sets in the store; `pixels` are the crops themselves."""
    side = experiment["resize"]
    return [
        f"{name}-{side}" if side else name
        for name in experiment["features"].split("+")
        if name != "pixels"
    ]


def count_columns(experiment: dict[str, Any], size: int) -> int:
    """How many columns the matrix of an experiment has, with crops of `size` pixels."""
    side = experiment["resize"] or size
    return len(find_feature_set(experiment["features"]).columns(side))

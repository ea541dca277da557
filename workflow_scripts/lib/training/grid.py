"""The hyper-parameter settings and the features of an experiment."""

import hashlib
import json
from itertools import product
from typing import Any

from workflow_scripts.lib.features import find_feature_set
from workflow_scripts.lib.training.registry import MODELS

OUT_OF_BAG = "oob"  # in place of a fold's number: the forest's own estimate


def list_fits(experiment: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The fits that an experiment's grid needs, each with the settings that it covers.

    One fit of a model with a `prefix` parameter (the number of trees of a pixel forest) covers all
    values of it, in ascending order; the last is the one to fit.
    """
    grid = dict(experiment["grid"])
    prefix = MODELS[experiment["model"]].prefix
    sizes = sorted(grid.pop(prefix, []))
    fits = []
    for values in product(*grid.values()):
        settings = {**experiment["params"], **dict(zip(grid, values, strict=True))}
        fits.append([{**settings, prefix: size} for size in sizes] or [settings])
    return fits


def settings_id(settings: list[dict[str, Any]]) -> str:
    """A short name for the settings of one fit that does not depend on the rest of the grid."""
    return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=5).hexdigest()


def stored_features(experiment: dict[str, Any]) -> list[str]:
    """The names of an experiment's stored feature sets; `pixels` are the crops themselves."""
    side = experiment["resize"]
    return [
        f"{name}-{side}" if side else name
        for name in experiment["features"].split("+")
        if name != "pixels"
    ]


def count_columns(experiment: dict[str, Any], size: int) -> int:
    """The number of columns of an experiment's matrix, for crops of `size` pixels."""
    side = experiment["resize"] or size
    return len(find_feature_set(experiment["features"]).columns(side))

"""Feature sets: named functions from crops to a matrix with one row per crop.

A set is a module of this package and an entry in `FEATURE_SETS`. A name such as `spectrum+residual`
concatenates the columns of several sets. The version of a set is stored in every model trained on
it; raise it when the set's values change.

A row depends only on its own crop, not on the other crops or the number of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workflow_scripts.lib.features import correlation, dct, pixels, residual, sparsity, spectrum

__all__ = ["FEATURE_SETS", "FeatureSet", "find_feature_set", "recipe", "shrink"]


@dataclass(frozen=True)
class FeatureSet:
    """A function from crops to a matrix, with its column names.

    `extract` takes crops (n, side, side, 3) uint8 RGB and returns (n, features) float32 (uint8 for
    `pixels`); `columns` takes the side, in pixels, which is at least `min_side`.
    """

    name: str
    version: str
    extract: Callable[[np.ndarray], np.ndarray]
    columns: Callable[[int], list[str]]
    min_side: int


FEATURE_SETS = {
    feature_set.name: feature_set
    for feature_set in (
        FeatureSet("pixels", "1", pixels.pixels, pixels.columns, min_side=1),
        FeatureSet("spectrum", "1", spectrum.spectrum, spectrum.columns, min_side=8),
        FeatureSet("residual", "1", residual.residual, residual.columns, min_side=16),
        FeatureSet("dct", "1", dct.dct, dct.columns, min_side=32),
        FeatureSet("sparsity", "1", sparsity.sparsity, sparsity.columns, min_side=32),
        FeatureSet("correlation", "1", correlation.correlation, correlation.columns, min_side=32),
    )
}


def find_feature_set(name: str) -> FeatureSet:
    """Find the feature set with a name, or combine several, joined by `+`.

    Raises
    ------
    KeyError
        A part of the name is not a feature set, or occurs twice.
    """
    parts = [FEATURE_SETS[part] for part in name.split("+")]
    if len(parts) == 1:
        return parts[0]
    if len({part.name for part in parts}) < len(parts):
        raise KeyError(name)
    return FeatureSet(
        name=name,
        version="+".join(part.version for part in parts),
        extract=lambda crops: np.concatenate([part.extract(crops) for part in parts], axis=1),
        columns=lambda side: [column for part in parts for column in part.columns(side)],
        min_side=max(part.min_side for part in parts),
    )


def shrink(crops: np.ndarray, side: int | None) -> np.ndarray:
    """Shrink crops (n, size, size, 3) uint8 to (n, side, side, 3), unless `side` is None."""
    if side is None or side == crops.shape[1]:
        return crops
    import cv2

    # INTER_AREA averages, which avoids aliasing
    small = [cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA) for crop in crops]
    return np.stack(small) if small else np.empty((0, side, side, 3), np.uint8)


def recipe(name: str, side: int | None) -> Callable[[np.ndarray], np.ndarray]:
    """The function from stored crops to rows of an experiment's matrix."""
    return lambda crops: find_feature_set(name).extract(shrink(crops, side))

"""Feature sets: named recipes from crops to a matrix with one row per crop.

A set joins by one entry in `FEATURE_SETS`. Its version stands in every model that was trained on
it; raise it when the numbers that the function returns change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["FEATURE_SETS", "FeatureSet", "recipe", "shrink"]


@dataclass(frozen=True)
class FeatureSet:
    """A recipe: `extract` takes crops (n, side, side, 3) uint8 RGB and returns (n, features)."""

    name: str
    version: int
    extract: Callable[[np.ndarray], np.ndarray]


def shrink(crops: np.ndarray, side: int | None) -> np.ndarray:
    """Shrink crops (n, size, size, 3) uint8 to (n, side, side, 3) by averaging areas.

    `None`, or the size that they have, leaves them as they are.
    """
    if side is None or side == crops.shape[1]:
        return crops
    import cv2

    # INTER_AREA averages the pixels that fall together, so nothing is skipped or aliased
    small = [cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA) for crop in crops]
    return np.stack(small) if small else np.empty((0, side, side, 3), np.uint8)


def pixels(crops: np.ndarray) -> np.ndarray:
    """The crop's bytes themselves, (n, side * side * 3) uint8, row by row, RGB interleaved.

    The reference study's features.
    """
    return crops.reshape(len(crops), -1)


FEATURE_SETS = {
    feature_set.name: feature_set
    for feature_set in (FeatureSet("pixels", version=1, extract=pixels),)
}


def recipe(name: str, side: int | None) -> Callable[[np.ndarray], np.ndarray]:
    """The function that makes an experiment's matrix rows from crops as they are stored."""
    return lambda crops: FEATURE_SETS[name].extract(shrink(crops, side))

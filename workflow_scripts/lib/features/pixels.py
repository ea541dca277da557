"""The feature set `pixels`."""

import math

import numpy as np


def pixels(crops: np.ndarray) -> np.ndarray:
    """The crop's bytes as they are, (n, side * side * 3) uint8, row by row, RGB interleaved: the
    reference study's features.
    """
    return crops.reshape(len(crops), math.prod(crops.shape[1:]))


def columns(side: int) -> list[str]:
    """`pixels.red[y,x]`, and likewise for green and blue."""
    return [
        f"pixels.{colour}[{y},{x}]"
        for y in range(side)
        for x in range(side)
        for colour in ("red", "green", "blue")
    ]

"""The inner loops of feature sets, for Numba to compile.

Numba is imported when a loop is first run: that takes longer than all else that a look at the
registry needs. The loops' sizes are constants, so that the compiler unrolls them, which halves the
time; they stand in this file because Numba's cache of compiled code notices changes in this file
only. One thread, no reordered sums: the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

__all__ = ["LEVELS", "ORDER", "REACH", "SIZE", "TOP", "compiled", "count_patterns"]
__all__ += ["transform_blocks"]

SIZE = 16  # pixels; side of a block
TOP = 2  # quanta; larger residuals count as this
LEVELS = 2 * TOP + 1
ORDER = 4  # residuals in a row that are looked at together
REACH = 4 * 255  # the largest residual


@cache
def compiled(loop: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """One of this module's loops, compiled."""
    import numba

    return numba.njit(cache=True)(loop)


def transform_blocks(planes: np.ndarray, corners: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Apply `basis` (SIZE, SIZE) along both axes of square blocks.

    Takes planes (p, side, side) float32 and the blocks' corners (b, 2) int, y and x; gives
    (p, b, SIZE * SIZE) float32.
    """
    out = np.empty((len(planes), len(corners), SIZE * SIZE), np.float32)
    rows = np.empty((SIZE, SIZE), np.float32)
    both = np.empty((SIZE, SIZE), np.float32)
    for plane in range(len(planes)):
        for block in range(len(corners)):
            top, left = corners[block]
            # along y, then along x; the inner loops run over neighbours, so that they vectorise
            rows[:] = 0
            for v in range(SIZE):
                for y in range(SIZE):
                    factor = basis[v, y]
                    for x in range(SIZE):
                        rows[v, x] += factor * planes[plane, top + y, left + x]
            both[:] = 0
            for v in range(SIZE):
                for x in range(SIZE):
                    factor = rows[v, x]
                    for u in range(SIZE):
                        both[v, u] += factor * basis[u, x]
            out[plane, block] = both.ravel()
    return out


def count_patterns(picture: np.ndarray, quanta_of: np.ndarray) -> np.ndarray:
    """Count the patterns that ORDER neighbouring third differences along x form.

    Takes a picture (h, w) uint8, and the quantum, from -TOP to TOP, of each difference from -REACH
    to REACH; gives (2, LEVELS ** ORDER) int64: patterns along x, and across, along y. The first
    residual is the lowest digit of a pattern's number.
    """
    height, width = picture.shape[0], picture.shape[1] - 3
    digits = np.empty((height, width), np.int64)
    for y in range(height):
        for x in range(width):
            a, b = np.int64(picture[y, x]), np.int64(picture[y, x + 1])
            c, d = np.int64(picture[y, x + 2]), np.int64(picture[y, x + 3])
            digits[y, x] = quanta_of[d - a + 3 * (b - c) + REACH] + TOP
    counts = np.zeros((2, LEVELS**ORDER), np.int64)
    for y in range(height):
        for x in range(width - ORDER + 1):
            pattern = 0
            for k in range(ORDER - 1, -1, -1):
                pattern = pattern * LEVELS + digits[y, x + k]
            counts[0, pattern] += 1
    for y in range(height - ORDER + 1):
        for x in range(width):
            pattern = 0
            for k in range(ORDER - 1, -1, -1):
                pattern = pattern * LEVELS + digits[y + k, x]
            counts[1, pattern] += 1
    return counts

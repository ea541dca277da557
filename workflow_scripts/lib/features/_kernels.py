"""The inner loops of feature sets, compiled by Numba.

They lie apart, and are imported where they are called, because importing Numba takes longer than
all else that a look at the registry needs. One thread, no reordered sums: the same bytes each time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["count_patterns", "transform_blocks"]


@njit(cache=True)
def transform_blocks(planes, corners, basis):
    """Apply `basis` (size, size) along both axes of square blocks.

    Takes planes (p, side, side) float32 and the blocks' corners (b, 2) int, y and x; gives
    (p, b, size * size) float32.
    """
    size = basis.shape[0]
    out = np.empty((len(planes), len(corners), size * size), np.float32)
    rows = np.empty((size, size), np.float32)
    both = np.empty((size, size), np.float32)
    for plane in range(len(planes)):
        for block in range(len(corners)):
            top, left = corners[block]
            # along y, then along x; the inner loops run over neighbours, so that they vectorise
            rows[:] = 0
            for v in range(size):
                for y in range(size):
                    factor = basis[v, y]
                    for x in range(size):
                        rows[v, x] += factor * planes[plane, top + y, left + x]
            both[:] = 0
            for v in range(size):
                for x in range(size):
                    factor = rows[v, x]
                    for u in range(size):
                        both[v, u] += factor * basis[u, x]
            out[plane, block] = both.ravel()
    return out


@njit(cache=True)
def count_patterns(picture, quanta_of, order, top):
    """Count the patterns that `order` neighbouring third differences along x form.

    Takes a picture (h, w) uint8, and the quantum, from -top to top, of each difference from -1020
    to 1020; gives (2, levels ** order) int64: patterns along x, and across, along y. The first
    residual is the lowest digit of a pattern's number.
    """
    levels, largest = 2 * top + 1, len(quanta_of) // 2
    height, width = picture.shape[0], picture.shape[1] - 3
    quanta = np.empty((height, width), np.int64)
    for y in range(height):
        for x in range(width):
            a, b = np.int64(picture[y, x]), np.int64(picture[y, x + 1])
            c, d = np.int64(picture[y, x + 2]), np.int64(picture[y, x + 3])
            quanta[y, x] = quanta_of[d - a + 3 * (b - c) + largest] + top
    counts = np.zeros((2, levels**order), np.int64)
    for y in range(height):
        for x in range(width):
            along, across = 0, 0
            for k in range(order - 1, -1, -1):
                if x + order <= width:
                    along = along * levels + quanta[y, x + k]
                if y + order <= height:
                    across = across * levels + quanta[y + k, x]
            counts[0, along] += x + order <= width
            counts[1, across] += y + order <= height
    return counts

"""The block DCT of a face, on which several feature sets rest."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from workflow_scripts.lib.features._kernels import SIZE, compiled, transform_blocks
from workflow_scripts.lib.features._planes import in_face

__all__ = ["FLOOR", "FREQUENCIES", "face_blocks"]

STEP = SIZE // 2  # blocks overlap by half
FREQUENCIES = list(product(range(SIZE), repeat=2))[1:]  # (vertical, horizontal), without the mean
FLOOR = 0.05  # grey levels; well below what rounding to bytes leaves, and it keeps logs finite


def face_blocks(planes: np.ndarray) -> np.ndarray:
    """Coefficients of the orthonormal DCT-II of all blocks in the face.

    Takes planes (3, side, side) uint8, gives (3, blocks, 255) float32, in grey levels, ordered as
    `FREQUENCIES`.
    """
    corners = _corners(planes.shape[1])
    return compiled(transform_blocks)(planes.astype(np.float32), corners, _basis())[:, :, 1:]


@cache
def _corners(side: int) -> np.ndarray:
    starts = np.arange(0, side - SIZE + 1, STEP)
    return starts[np.argwhere(in_face(side, starts, SIZE))]


@cache
def _basis() -> np.ndarray:
    frequency, position = np.arange(SIZE)[:, None], np.arange(SIZE)[None, :]
    basis = np.cos(np.pi * (2 * position + 1) * frequency / (2 * SIZE)) * np.sqrt(2 / SIZE)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)

"""The block DCT of a face, used by several feature sets."""

from functools import cache
from itertools import product

import numpy as np

from workflow_scripts.lib.features._planes import in_face

SIZE = 16  # pixels; side of a block
STEP = SIZE // 2  # stride; blocks overlap by half
FREQUENCIES = list(product(range(SIZE), repeat=2))[1:]  # (vertical, horizontal), without the mean
FLOOR = 0.05  # grey levels; keeps logarithms finite, and is far below the rounding to bytes


def face_blocks(plane: np.ndarray) -> np.ndarray:
    """The orthonormal DCT-II of all blocks in the face of a plane (side, side) uint8: (blocks, 255)
    float32, in grey levels, ordered as `FREQUENCIES`."""
    return transform_blocks(plane, _corners(len(plane)), _basis())[:, 1:]


def transform_blocks(plane: np.ndarray, corners: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Apply `basis` (k, SIZE) float32 along both axes of the blocks of a plane (height, width) with
    these `corners` (b, 2) int, y and x: (b, k * k) float32, the vertical index first."""
    tops, strip_of = np.unique(corners[:, 0], return_inverse=True)
    offsets = np.arange(SIZE)[:, None]
    # along y, once per strip: blocks side by side share it
    strips = plane.astype(np.float32)[tops + offsets].reshape(SIZE, -1)
    columns = strip_of * plane.shape[1] + corners[:, 1] + offsets
    rows = _weighted_sums(strips, basis).take(columns, axis=1)
    # then along x
    both = _weighted_sums(rows.swapaxes(0, 1).copy(), basis)
    return both.transpose(2, 1, 0).reshape(len(corners), -1)


def _weighted_sums(terms: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sums of `terms` (SIZE, ...) with each row of `weights` (k, SIZE), (k, ...), term by term: the
    rounding of a matrix product depends on the library."""
    sums = np.zeros((len(weights), *terms.shape[1:]), np.float32)
    scaled = np.empty_like(terms[0])
    for total, row in zip(sums, weights, strict=True):
        for term, weight in zip(terms, row, strict=True):
            total += np.multiply(term, weight, out=scaled)
    return sums


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

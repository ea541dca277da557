"""The feature set `correlation`."""

import numpy as np

from workflow_scripts.lib.features._blocks import FLOOR, FREQUENCIES, face_blocks
from workflow_scripts.lib.features._planes import PLANES, by_crop

PAIRS = ((0, 1), (0, 2), (1, 2))


def correlation(crops: np.ndarray) -> np.ndarray:
    """How the colour planes are related at each frequency of `dct`: over the face's blocks, the
    correlation of two planes' coefficients, and the cosine similarity of their magnitudes. A camera
    records the colours of a pixel together; a generator or renderer need not produce them together
    (disparities of colour components, Li et al. 2018; McCloskey & Albright 2018).
    """
    return by_crop(crops, _row, 2 * len(PAIRS) * len(FREQUENCIES))


def columns(_side: int) -> list[str]:
    """`correlation.luma-blue[v,u]`, and `.size` for the magnitudes."""
    return [
        f"correlation.{PLANES[one]}-{PLANES[other]}{kind}[{v},{u}]"
        for kind in ("", ".size")
        for one, other in PAIRS
        for v, u in FREQUENCIES
    ]


def _row(planes: np.ndarray) -> np.ndarray:
    blocks = [_normalised(face_blocks(plane)) for plane in planes]
    magnitudes = [np.abs(plane) for plane in blocks]
    parts = [(b[one] * b[other]).mean(axis=0) for b in (blocks, magnitudes) for one, other in PAIRS]
    return np.concatenate(parts)


def _normalised(blocks: np.ndarray) -> np.ndarray:
    return blocks / (np.sqrt(np.square(blocks).mean(axis=0)) + FLOOR)

"""The feature set `sparsity`."""

import numpy as np

from workflow_scripts.lib.features._blocks import FLOOR, FREQUENCIES, face_blocks
from workflow_scripts.lib.features._planes import PLANES, by_crop


def sparsity(crops: np.ndarray) -> np.ndarray:
    """How unevenly each frequency is spread over the face: the log ratio of the root mean square to
    the mean magnitude of each coefficient of `dct`. It determines the shape of a generalised
    Gaussian distribution (Mallat 1989; Sharifi & Leon-Garcia 1995) and does not depend on contrast.
    A few hard edges on smooth skin, as left by rendering and blending, make it large.
    """
    return by_crop(crops, _row, len(PLANES) * len(FREQUENCIES))


def columns(_side: int) -> list[str]:
    """`sparsity.luma[v,u]`: vertical and horizontal frequency, half cycles per block."""
    return [f"sparsity.{plane}[{v},{u}]" for plane in PLANES for v, u in FREQUENCIES]


def _row(planes: np.ndarray) -> np.ndarray:
    return np.concatenate([_unevenness(face_blocks(plane)) for plane in planes])


def _unevenness(blocks: np.ndarray) -> np.ndarray:
    spread = np.sqrt(np.square(blocks).mean(axis=0))
    return np.log(spread + FLOOR) - np.log(np.abs(blocks).mean(axis=0) + FLOOR)

"""The feature set `dct`."""

import numpy as np

from workflow_scripts.lib.features._blocks import FLOOR, FREQUENCIES, face_blocks
from workflow_scripts.lib.features._planes import PLANES, by_crop


def dct(crops: np.ndarray) -> np.ndarray:
    """The strength of each frequency in the face: the log mean magnitude of each coefficient of the
    block DCT, per plane of YCbCr, over overlapping 16x16 blocks in an ellipse at the crop's centre
    (Frank et al. 2020; the mean magnitude estimates the scale of a Laplace distribution, Giudice et
    al. 2021).
    """
    return by_crop(crops, _row, len(PLANES) * len(FREQUENCIES))


def columns(_side: int) -> list[str]:
    """`dct.luma[v,u]`: vertical and horizontal frequency, half cycles per block."""
    return [f"dct.{plane}[{v},{u}]" for plane in PLANES for v, u in FREQUENCIES]


def _row(planes: np.ndarray) -> np.ndarray:
    magnitudes = [np.abs(face_blocks(plane)).mean(axis=0) for plane in planes]
    return np.log(np.concatenate(magnitudes) + FLOOR)

"""What the feature sets share: the planes of a crop, and where its face is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["FACE_HEIGHT", "FACE_WIDTH", "PLANES", "by_crop", "in_face", "planes"]

PLANES = ("luma", "blue", "red")
FACE_WIDTH, FACE_HEIGHT = 0.56, 0.76  # of the crop's side; MTCNN's box at a margin of 1.3


def planes(crop: np.ndarray) -> np.ndarray:
    """Luma and the two colour differences of a crop (side, side, 3) uint8 RGB, (3, side, side)
    uint8: YCbCr as in JPEG (BT.601, full range), near to what video codecs compress."""
    import cv2

    luma, red, blue = cv2.split(cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb))
    return np.stack([luma, blue, red])


def in_face(side: int, starts: np.ndarray, size: int) -> np.ndarray:
    """Which of the square blocks at all pairs of `starts` (k,) have their centre in the face, an
    upright ellipse in the middle of the crop: (k, k) bool."""
    centres = (starts + size / 2) / side - 0.5
    x, y = centres / (FACE_WIDTH / 2), centres / (FACE_HEIGHT / 2)
    return y[:, None] ** 2 + x[None, :] ** 2 <= 1


def by_crop(crops: np.ndarray, row: Callable[[np.ndarray], np.ndarray], width: int) -> np.ndarray:
    """`row` (width,) of each crop's planes, (n, width) float32; one crop in memory at a time."""
    matrix = np.empty((len(crops), width), np.float32)
    for out, crop in zip(matrix, crops, strict=True):
        out[:] = row(planes(crop))
    return matrix

"""The colour planes of a crop, and the position of its face."""

from collections.abc import Callable

import numpy as np

PLANES = ("luma", "blue", "red")
FACE_WIDTH, FACE_HEIGHT = 0.56, 0.76  # of the crop's side; MTCNN's box at faces.scale 1.3


def planes(crop: np.ndarray) -> np.ndarray:
    """YCbCr of a crop (side, side, 3) uint8 RGB as in JPEG (BT.601, full range), close to what
    video codecs compress: (3, side, side) uint8."""
    import cv2

    luma, red, blue = cv2.split(cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb))
    return np.stack([luma, blue, red])


def in_face(side: int, starts: np.ndarray, size: int) -> np.ndarray:
    """Which blocks of `size` pixels at all pairs of `starts` (k,) have their centre in the face, an
    upright ellipse at the centre of the crop: (k, k) bool."""
    centres = (starts + size / 2) / side - 0.5
    x, y = centres / (FACE_WIDTH / 2), centres / (FACE_HEIGHT / 2)
    return y[:, None] ** 2 + x[None, :] ** 2 <= 1


def by_crop(crops: np.ndarray, row: Callable[[np.ndarray], np.ndarray], width: int) -> np.ndarray:
    """Apply `row` to the planes of each crop, one at a time: (n, width) float32."""
    matrix = np.empty((len(crops), width), np.float32)
    for out, crop in zip(matrix, crops, strict=True):
        out[:] = row(planes(crop))
    return matrix

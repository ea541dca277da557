"""Feature sets that were tried and do not help on people whom the forest has not seen.

`compare_features` measures them beside those that are kept.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import zarr

from workflow_scripts.lib.features import dct
from workflow_scripts.lib.features._blocks import FLOOR, SIZE, STEP, transform_blocks
from workflow_scripts.lib.features._planes import by_crop, in_face
from workflow_scripts.lib.store.zarr_store import load_matrix

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
RADII = (1, 2, 3)


def binary_patterns(store: Path) -> np.ndarray:
    """Uniform rotation-invariant local binary patterns (Ojala et al. 2002) of the crop's middle,
    at three radii, per plane."""
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    pattern_of = np.where(changes <= 2, bits.sum(axis=1), 9)

    def row(planes: np.ndarray) -> np.ndarray:
        edge = planes.shape[1] // 7
        parts = []
        for plane in planes[:, edge:-edge, edge:-edge]:
            for radius in RADII:
                smooth = cv2.blur(plane.astype(np.float32), (radius, radius))
                inner = smooth[radius:-radius, radius:-radius]
                height, width = inner.shape
                code = np.zeros(inner.shape, np.intp)
                for bit, (dy, dx) in enumerate(NEIGHBOURS):
                    y, x = radius * (1 + dy), radius * (1 + dx)
                    code |= (smooth[y : y + height, x : x + width] >= inner).astype(np.intp) << bit
                parts.append(np.bincount(pattern_of[code].ravel(), minlength=10) / code.size)
        return np.concatenate(parts)

    return _of_crops(store, lambda crops: by_crop(crops, row, 3 * len(RADII) * 10))


def surroundings(store: Path) -> np.ndarray:
    """The face's `dct` less that of what is around it, so that what the camera and the codec do to
    all of a crop cancels."""

    def around(planes: np.ndarray) -> np.ndarray:
        side = planes.shape[1]
        starts = np.arange(0, side - SIZE + 1, STEP)
        corners = starts[np.argwhere(~in_face(side, starts, SIZE))]
        basis = cv2.dct(np.eye(SIZE, dtype=np.float32), flags=cv2.DCT_ROWS).T.copy()
        blocks = [transform_blocks(plane, corners, basis)[:, 1:] for plane in planes]
        return np.log(np.concatenate([np.abs(b).mean(axis=0) for b in blocks]) + FLOOR)

    def both(crops: np.ndarray) -> np.ndarray:
        face = dct.dct(crops)
        return face - by_crop(crops, around, face.shape[1])

    return _of_crops(store, both)


def geometry(store: Path) -> np.ndarray:
    """The five keypoints' places in the face's box."""
    box = np.asarray(zarr.open_array(store / "box", mode="r")[...], np.float32)
    keypoints = np.asarray(zarr.open_array(store / "keypoints", mode="r")[...])
    places = (keypoints - box[:, None, :2]) / box[:, None, 2:]
    return places.reshape(len(places), -1).astype(np.float32)


def motion(store: Path) -> np.ndarray:
    """How much the keypoints' places vary over a video's frames."""
    places = geometry(store)
    video = np.asarray(zarr.open_array(store / "video", mode="r")[...]).tolist()
    _, video_of = np.unique(video, return_inverse=True)
    spread = np.stack([places[video_of == k].std(axis=0) for k in range(video_of.max() + 1)])
    return spread[video_of]


def _of_crops(store: Path, extract) -> np.ndarray:  # type: ignore[no-untyped-def]
    n_rows = zarr.open_array(store / "label", mode="r").shape[0]
    return load_matrix(store, np.arange(n_rows), extract)


REJECTED = {f.__name__: f for f in (binary_patterns, surroundings, geometry, motion)}

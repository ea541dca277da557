"""The ranges of the training videos' measurements, and whether a video lies outside them.

A model's scores mean little for faces far smaller, or far more compressed, than those that it was
trained on. Five simple measurements of a video detect that: the size of the face in the frame, the
frame rate, the file's bits per pixel (compression lowers them), the finest detail of the crop
(compression and enlargement lower it, noise raises it), and its sharpness (blur lowers it, even
where an encoder's noise is left as finest detail).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video

__all__ = ["MEASURES", "measure", "person_ids", "range_warnings", "training_ranges"]

COVERAGE = 0.98  # of one measurement's range
MAX_LIMIT = 1e9  # the largest that a bundle may hold
SECOND_DIFFERENCE = np.array([1.0, -2.0, 1.0])
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
ROUNDING = float(np.sqrt((LUMA**2).sum() / 12))  # standard deviation, grey levels
MEASURES = {  # its name in a sentence, its unit, and the lowest value whose logarithm is taken
    "face_size": ("The face", "pixels wide", 1.0),
    "frame_rate": ("The frame rate", "frames per second", 0.03),
    "bits_per_pixel": ("The size of the file (compression lowers it)", "bits per pixel", 1e-6),
    "fine_detail": (
        "The finest detail of the face (compression and blur lower it)",
        "grey levels",
        0.03,
    ),
    "sharpness": ("The sharpness of the face (blur lowers it)", "grey levels", 0.03),
}


def measure(
    crops: np.ndarray,
    boxes: np.ndarray,
    frames: np.ndarray,
    times: np.ndarray,
    bits_per_pixel: float,
) -> dict[str, float | None]:
    """Measure one person in one video.

    Parameters
    ----------
    crops : (n, size, size, 3) uint8 RGB
    boxes : (n, 4) int
        x, y, width and height in pixels.
    frames : (n,) int
        Index in the video.
    times : (n,) float
        Seconds.
    bits_per_pixel : float
        Of the file, see `SampledVideo`; 0 where unknown.

    Returns
    -------
    dict
        By the names of `MEASURES`; None where unknown.
    """
    duration = float(times[-1] - times[0])
    lumas = (crop.astype(np.float32) @ LUMA for crop in crops)
    detail, sharpness = np.mean([(_fine_detail(luma), _sharpness(luma)) for luma in lumas], axis=0)
    return {
        "face_size": round(float(boxes[:, 2:].max(axis=1).mean()), 1),
        "frame_rate": round(float(frames[-1] - frames[0]) / duration, 2) if duration > 0 else None,
        "bits_per_pixel": bits_per_pixel or None,
        "fine_detail": round(float(detail), 3),
        "sharpness": round(float(sharpness), 3),
    }


def _fine_detail(luma: np.ndarray) -> float:
    """Variation from pixel to pixel along both axes of a luma, as the standard deviation of
    equally strong noise (Immerkaer 1996, doi:10.1006/cviu.1996.0060), in grey levels.

    The noise of rounding to whole grey levels is subtracted, so a face without detail has 0. Edges
    count for little, so people differ less in it than in other measures of sharpness.
    """
    differences = cv2.sepFilter2D(luma, cv2.CV_32F, SECOND_DIFFERENCE, SECOND_DIFFERENCE)
    noise = float(np.abs(differences).mean() * np.sqrt(np.pi / 2) / 6)
    return float(np.sqrt(max(0.0, noise**2 - ROUNDING**2)))


def _sharpness(luma: np.ndarray) -> float:
    """Standard deviation of the Laplacian, in grey levels: edges count for most."""
    return float(cv2.Laplacian(luma, cv2.CV_32F).std())


def person_ids(videos: Iterable[Video]) -> set[str]:
    """The people in some videos, as far as the manifest names them: of a fake, the person whose
    recording was altered. Where nobody is named, videos of one group count as one person's."""
    groups = assign_groups(videos := list(videos))
    return {
        f"{video.dataset}:{video.target}" if video.target else groups[video.video_id]
        for video in videos
    }


def training_ranges(
    measurements: Sequence[dict[str, float | None]], people: int
) -> dict[str, dict[str, float]]:
    """The range of each measurement in which a further video like the training videos lies with
    probability `COVERAGE`.

    It is the normal prediction interval of one more observation, of the logarithms: mean
    +- t s sqrt(1 + 1/n). Here n is `people`, the number of people in the training videos, because
    videos of the same person resemble each other. With few people the range is wide; with one
    there is none.
    """
    from scipy.stats import t

    ranges = {}
    for name, (_, _, lowest) in MEASURES.items():
        values = [value for video in measurements if (value := video[name]) is not None]
        n = min(people, len(values))
        if n >= 2:
            logs = np.log(np.maximum(values, lowest))
            half = t.ppf((1 + COVERAGE) / 2, n - 1) * logs.std(ddof=1) * np.sqrt(1 + 1 / n)
            limit = np.log(MAX_LIMIT)
            low, high = np.exp(np.clip([logs.mean() - half, logs.mean() + half], -limit, limit))
            ranges[name] = {"low": float(f"{low:.4g}"), "high": float(f"{high:.4g}"), "people": n}
    return ranges


def range_warnings(
    measurements: dict[str, float | None], ranges: dict[str, dict[str, float]]
) -> list[str]:
    """A warning for each measurement outside its range."""
    warnings = []
    for name, limits in ranges.items():
        label, unit, _ = MEASURES[name]
        value, low, high = measurements[name], limits["low"], limits["high"]
        # rounding must not put a constant outside
        if value is not None and not low * 0.99 <= value <= high * 1.01:
            usual = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
            warnings.append(
                f"{label} is {value:g} {unit}; in the training videos it is typically {usual}. The "
                "model was not trained on such videos."
            )
    return warnings

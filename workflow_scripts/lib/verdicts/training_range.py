"""Out-of-distribution warnings: ranges of the training videos' measurements.

Scores are unreliable for faces much smaller, or much more compressed, than those in the training.
Five measurements of a video detect that: the size of the face in the frame, the frame rate, the
file's bits per pixel (compression lowers them), the finest detail of the crop (compression and
enlargement lower it, noise raises it), and its sharpness (blur lowers it, even if encoder noise
remains as finest detail).
"""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video

COVERAGE = 0.98  # of the prediction interval of one measurement
MAX_LIMIT = 1e9  # allowed in a bundle
SECOND_DIFFERENCE = np.array([1.0, -2.0, 1.0])
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
ROUNDING = float(np.sqrt((LUMA**2).sum() / 12))  # standard deviation, grey levels
MEASURES = {  # the name in a sentence, the unit, and the minimum for the logarithm
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
        Of the file, see `SampledVideo`; 0 if unknown.

    Returns
    -------
    dict
        By the names of `MEASURES`; None if unknown.
    """
    duration = float(times[-1] - times[0])
    lumas = (crop.astype(np.float32) @ LUMA for crop in crops)
    detail, sharpness = np.mean(
        [(_fine_detail(luma), cv2.Laplacian(luma, cv2.CV_32F).std()) for luma in lumas], axis=0
    )
    return {
        "face_size": round(float(boxes[:, 2:].max(axis=1).mean()), 1),
        "frame_rate": round(float(frames[-1] - frames[0]) / duration, 2) if duration > 0 else None,
        "bits_per_pixel": bits_per_pixel or None,
        "fine_detail": round(float(detail), 3),
        "sharpness": round(float(sharpness), 3),
    }


def _fine_detail(luma: np.ndarray) -> float:
    """Standard deviation of noise with the same variation between pixels, in grey levels
    (Immerkaer 1996, doi:10.1006/cviu.1996.0060), less the noise of rounding to grey levels.

    Edges have little weight, so it varies less between people than other measures of sharpness.
    """
    differences = cv2.sepFilter2D(luma, cv2.CV_32F, SECOND_DIFFERENCE, SECOND_DIFFERENCE)
    noise = float(np.abs(differences).mean() * np.sqrt(np.pi / 2) / 6)
    return float(np.sqrt(max(0.0, noise**2 - ROUNDING**2)))


def person_ids(videos: Iterable[Video]) -> set[str]:
    """The people in videos; in a fake, the person whose recording was altered. Videos without a
    named person count as one person per group."""
    groups = assign_groups(videos := list(videos))
    return {
        f"{video.dataset}:{video.target}" if video.target else groups[video.video_id]
        for video in videos
    }


def training_ranges(
    measurements: Sequence[dict[str, float | None]], people: int
) -> dict[str, dict[str, float]]:
    """The range of each measurement that contains a new video like the training videos with
    probability `COVERAGE`.

    It is the normal prediction interval of the logarithms, mean +- t s sqrt(1 + 1/n), where n is
    `people`, the number of people in the training videos, because videos of the same person
    resemble each other. With one person there is no range.
    """
    from scipy.stats import t

    ranges = {}
    for name, (_, _, minimum) in MEASURES.items():
        values = [value for video in measurements if (value := video[name]) is not None]
        n = min(people, len(values))
        if n >= 2:
            logs = np.log(np.maximum(values, minimum))
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
        # the tolerance keeps rounded constants inside
        if value is not None and not low * 0.99 <= value <= high * 1.01:
            usual = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
            warnings.append(
                f"{label} is {value:g} {unit}; in the training videos it is typically {usual}. The "
                "model was not trained on such videos."
            )
    return warnings

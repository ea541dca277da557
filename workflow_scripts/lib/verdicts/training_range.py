"""What the training videos were like, and whether a video lies outside.

A model knows nothing of faces that are far smaller, or far more compressed, than those that it was
trained on. Five plain measures of a video tell that: the size of the face in the frame, the frame
rate, the file's size for each pixel (compression lowers it), the finest detail of the crop
(compression and enlargement lower it, noise raises it), and its sharpness (blur lowers it, also
where an encoder's noise is left as finest detail).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video

__all__ = ["MEASURES", "measure", "outside", "people_shown", "training_ranges"]

COVERAGE = 0.98  # of one measure's range
WIDEST = 1e9  # what a bundle may hold
SECOND = np.array([1.0, -2.0, 1.0])
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
ROUNDING = float(np.sqrt((LUMA**2).sum() / 12))  # standard deviation, grey levels
MEASURES = {  # what people call it, its unit, and the least value whose logarithm is taken
    "face_size": ("The face", "pixels across", 1.0),
    "frame_rate": ("The frame rate", "frames per second", 0.03),
    "bits_per_pixel": ("The size of the file (compression lowers it)", "bits for each pixel", 1e-6),
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
        Of the file, see `SampledVideo`; 0 where nobody knows.

    Returns
    -------
    dict
        By the names of `MEASURES`; None where it can't be told.
    """
    passed = float(times[-1] - times[0])
    lumas = (crop.astype(np.float32) @ LUMA for crop in crops)
    detail, sharpness = np.mean([(_fine_detail(luma), _sharpness(luma)) for luma in lumas], axis=0)
    return {
        "face_size": round(float(boxes[:, 2:].max(axis=1).mean()), 1),
        "frame_rate": round(float(frames[-1] - frames[0]) / passed, 2) if passed > 0 else None,
        "bits_per_pixel": bits_per_pixel or None,
        "fine_detail": round(float(detail), 3),
        "sharpness": round(float(sharpness), 3),
    }


def _fine_detail(luma: np.ndarray) -> float:
    """What varies from pixel to pixel along both axes of a luma as the standard deviation
    of noise that varies as much (Immerkaer 1996, doi:10.1006/cviu.1996.0060), in grey levels.

    What rounding to whole grey levels leaves is taken off, so that nothing is left of a face
    without detail. Edges count for little, so people differ less in it than in other measures of
    sharpness.
    """
    differences = cv2.sepFilter2D(luma, cv2.CV_32F, SECOND, SECOND)
    found = float(np.abs(differences).mean() * np.sqrt(np.pi / 2) / 6)
    return float(np.sqrt(max(0.0, found**2 - ROUNDING**2)))


def _sharpness(luma: np.ndarray) -> float:
    """Standard deviation of the Laplacian, in grey levels: edges count for most."""
    return float(cv2.Laplacian(luma, cv2.CV_32F).std())


def people_shown(videos: Iterable[Video]) -> set[str]:
    """Who is seen in some videos, as far as the manifest tells: of a fake, the person whose
    recording was changed. Where nobody is named, videos of one group count as one person's."""
    groups = assign_groups(videos := list(videos))
    return {
        f"{video.dataset}:{video.target}" if video.target else groups[video.video_id]
        for video in videos
    }


def training_ranges(
    measured: Sequence[dict[str, float | None]], people: int
) -> dict[str, dict[str, float]]:
    """The range of each measure in which the next video of the training videos' kind would lie with
    probability `COVERAGE`.

    It is the normal prediction interval of one more observation, of the measures' logarithms: mean
    +- t s sqrt(1 + 1/n). Here n is `people`, how many the training videos show: videos of the same
    person resemble each other. With few people the range is wide, and with one there is none.
    """
    from scipy.stats import t

    ranges = {}
    for name, (_, _, least) in MEASURES.items():
        values = [value for video in measured if (value := video[name]) is not None]
        n = min(people, len(values))
        if n >= 2:
            logs = np.log(np.maximum(values, least))
            half = t.ppf((1 + COVERAGE) / 2, n - 1) * logs.std(ddof=1) * np.sqrt(1 + 1 / n)
            most = np.log(WIDEST)
            low, high = np.exp(np.clip([logs.mean() - half, logs.mean() + half], -most, most))
            ranges[name] = {"low": float(f"{low:.4g}"), "high": float(f"{high:.4g}"), "people": n}
    return ranges


def outside(measured: dict[str, float | None], ranges: dict[str, dict[str, float]]) -> list[str]:
    """A sentence for each measure that lies outside of its range."""
    said = []
    for name, limits in ranges.items():
        shown, unit, _ = MEASURES[name]
        value, low, high = measured[name], limits["low"], limits["high"]
        # a constant must not differ by how it was rounded
        if value is not None and not low * 0.99 <= value <= high * 1.01:
            usual = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
            said.append(
                f"{shown}: {value:g} {unit}, and with videos like those of the training it is "
                f"{usual}. The model has not seen its like."
            )
    return said

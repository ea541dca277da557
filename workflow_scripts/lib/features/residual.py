"""The feature set `residual`."""

from functools import cache

import numpy as np

from workflow_scripts.lib.features._planes import FACE_HEIGHT, FACE_WIDTH, PLANES, by_crop

STEPS = (4, 2, 2)  # grey levels per quantum in luma and the colour differences
TOP = 2  # quanta; residuals are clipped to it
LEVELS = 2 * TOP + 1
ORDER = 4  # neighbouring residuals in a pattern
REACH = 4 * 255  # the largest residual


def residual(crops: np.ndarray) -> np.ndarray:
    """Co-occurrences of high-pass residuals: how often each pattern of 4 neighbouring residuals
    occurs in the face, per plane of YCbCr, along and across the direction of the difference
    (Fridrich & Kodovsky 2012; Cozzolino et al. 2017). Residuals are third differences, quantised in
    steps of 4 grey levels (2 in colour) and truncated at 2 steps. A pattern, its mirror image and
    its negative count as one.
    """
    return by_crop(crops, _row, len(PLANES) * 2 * len(_patterns()[1]))


def columns(_side: int) -> list[str]:
    """`residual.luma.along[a,b,c,d]`: four residuals in quanta."""
    return [
        f"residual.{plane}.{direction}[{','.join(map(str, pattern))}]"
        for plane in PLANES
        for direction in ("along", "across")
        for pattern in _patterns()[1]
    ]


def _row(planes: np.ndarray) -> np.ndarray:
    side = planes.shape[1]
    top, left = (round(side * (1 - share) / 2) for share in (FACE_HEIGHT, FACE_WIDTH))
    class_of, patterns = _patterns()
    faces = planes[:, top : side - top, left : side - left]
    parts = []
    for face, quantise in zip(faces, _quanta(), strict=True):
        both = [_count_patterns(f, quantise) for f in (face, face.T)]
        for counts in np.sum(both, axis=0):
            sums = np.bincount(class_of, weights=counts, minlength=len(patterns))
            parts.append(sums / counts.sum())
    return np.concatenate(parts)


def _count_patterns(plane: np.ndarray, quantise: np.ndarray) -> np.ndarray:
    """How often each pattern of third differences along x occurs, (2, LEVELS ** ORDER): patterns
    along x, and across it. The first residual is the lowest digit of a pattern's number."""
    digits = quantise[np.diff(plane.astype(np.int16), 3, axis=1) + REACH] + TOP
    counts = []
    for lines in (digits.T, digits):  # the first axis is the pattern's direction
        n_patterns = len(lines) - ORDER + 1
        numbers = sum(lines[k : n_patterns + k] * LEVELS**k for k in range(ORDER))
        counts.append(np.bincount(np.ravel(numbers), minlength=LEVELS**ORDER))
    return np.stack(counts)


@cache
def _quanta() -> np.ndarray:
    """The quantum of each residual from -REACH to REACH, per plane: (3, 2 REACH + 1) int16."""
    values = np.arange(-REACH, REACH + 1)
    return np.stack([np.clip(np.rint(values / step), -TOP, TOP) for step in STEPS]).astype(np.int16)


@cache
def _patterns() -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """The class of each of the LEVELS ** ORDER patterns, and one pattern of each class."""
    base = LEVELS ** np.arange(ORDER)
    quanta = np.arange(LEVELS**ORDER)[:, None] // base % LEVELS - TOP
    equivalent = (quanta, -quanta, quanta[:, ::-1], -quanta[:, ::-1])
    lowest = np.min([(patterns + TOP) @ base for patterns in equivalent], axis=0)
    classes, class_of = np.unique(lowest, return_inverse=True)
    return class_of, [tuple(map(int, pattern)) for pattern in quanta[classes]]

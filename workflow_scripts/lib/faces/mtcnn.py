"""Face detection with MTCNN (Zhang et al. 2016, doi:10.1109/LSP.2016.2603342).

Three small networks look at an image in turn. PNet slides over an image pyramid and proposes
boxes, RNet looks again at a 24x24 crop of each, ONet at a 48x48 crop of those that are left and
finds the keypoints. Weights and rules are those of the `mtcnn` package, release 1.0.0;
`docs/detector.md` says where this differs and why.

`OnnxDetector` runs the networks on ONNX Runtime, `TensorflowDetector` is the package itself, the
reference. `detector_export` writes the networks' files. In what follows a box is (x1, y1, x2, y2),
in pixels, float64.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import cv2
import numpy as np

from workflow_scripts.lib.common.errors import UserError

if TYPE_CHECKING:
    import onnxruntime

__all__ = [
    "Detection",
    "FaceDetector",
    "OnnxDetector",
    "TensorflowDetector",
    "crop_and_resize",
    "make_detector",
    "pyramid_scales",
    "suppress",
]

NETWORKS = ("pnet", "rnet", "onet")

# The package's defaults.
CELL = 12  # PNet sees 12x12 pixels ...
STRIDE = 2  # ... every 2 pixels
SCALE_FACTOR = 0.709
PNET_CONFIDENCE, RNET_CONFIDENCE, ONET_CONFIDENCE = 0.6, 0.7, 0.8
LEVEL_OVERLAP, PNET_OVERLAP, RNET_OVERLAP, ONET_OVERLAP = 0.5, 0.7, 0.7, 0.7
RNET_SIZE, ONET_SIZE = 24, 48
LAST_LEVEL = CELL * (CELL / 20) * SCALE_FACTOR**-1.5  # 12.06: its last at its default face size
MAX_SIDE = 32766  # OpenCV's limit for remap
MIDDLE_GREY = 127.5  # the networks' zero: they see (pixel - 127.5) / 128

# PNet runs over strips of this many rows of cells, RNet and ONet over batches of this many crops:
# what they work on stays in the processor's cache, and their memory does not grow with the image.
STRIP_ROWS = 32
BATCH = 32

# Suppression compares the boxes of neighbourhoods of this many, with this many others at a time.
NEIGHBOURS = 128
JUDGES = 256

# A small file can show what looks like faces everywhere. Each suppression looks at this many boxes,
# the most confident, and ONet at this many: more than any frame has that is not made for it
# (docs/detector.md).
MOST_BOXES = 100_000
MOST_FACE_BOXES = 10_000


@dataclass(frozen=True)
class Detection:
    """One face.

    `box` is x, y, width and height in pixels, and may reach beyond the frame. `confidence` is 0 to
    1. `keypoints` are five (x, y) in pixels: left eye, right eye, nose, left and right corner of
    the mouth, as the viewer sees them.
    """

    box: tuple[int, int, int, int]
    confidence: float
    keypoints: tuple[tuple[float, float], ...]


class FaceDetector(Protocol):
    """Finds the faces in an image."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find the faces in a (height, width, 3) uint8 RGB image, highest confidence first.

        An image of less than 12 pixels a side has none. Raises ValueError for another shape or
        type, and for more than 32766 pixels a side.
        """
        ...


def make_detector(
    backend: str, model_folder: Path | None, min_face_size: int, threads: int
) -> FaceDetector:
    """Make the detector that runs on a library.

    Parameters
    ----------
    backend : str
        "onnxruntime" or "tensorflow".
    model_folder : Path or None
        Where `export_models` has written; None for "tensorflow".
    min_face_size : int
        Size of the smallest face to look for, in pixels: 12 or more, "tensorflow" 12 to 20.
    threads : int
        Number of threads to compute with; the answers do not depend on it.

    Raises
    ------
    UserError
        The backend can't find faces of that size, or is not installed.
    """
    if backend == "onnxruntime" and model_folder:
        return OnnxDetector(model_folder, min_face_size, threads)
    if backend == "tensorflow":
        return TensorflowDetector(min_face_size, threads)
    raise ValueError(f"The backend is {backend!r}; choose 'onnxruntime' or 'tensorflow'.")


class OnnxDetector:
    """MTCNN on ONNX Runtime."""

    def __init__(self, model_folder: Path, min_face_size: int, threads: int) -> None:
        """Load the networks, as `make_detector` says.

        OpenCV has one number of threads for the whole process, and this sets it.
        """
        if min_face_size < CELL:
            raise UserError(
                f"detector.min_face_size is {min_face_size}, but MTCNN finds no face of less than "
                f"{CELL} pixels: make it {CELL} or more."
            )
        self._min_face_size = min_face_size
        self._pnet, self._rnet, self._onet = (
            _session(model_folder / f"{network}.onnx", threads) for network in NETWORKS
        )
        cv2.setNumThreads(threads)

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find the faces in a (height, width, 3) uint8 RGB image, highest confidence first."""
        if not _is_large_enough(image):
            return []
        pixels = image.astype(np.float32)

        boxes, scores = self._propose(pixels)
        kept = suppress(boxes, scores, PNET_OVERLAP)
        boxes = _square(boxes[kept])

        offsets, scores = _outputs(self._rnet, pixels, boxes, RNET_SIZE)
        boxes = _move(boxes, offsets)
        sure = scores > RNET_CONFIDENCE
        boxes, scores = boxes[sure], scores[sure]
        kept = suppress(boxes, scores, RNET_OVERLAP)[:MOST_FACE_BOXES]
        boxes = _square(boxes[kept])

        outputs, scores = _outputs(self._onet, pixels, boxes, ONET_SIZE)
        offsets, keypoints = outputs[:, :4], _keypoints(boxes, outputs[:, 4:])
        boxes = _move(boxes, offsets)
        sure = scores > ONET_CONFIDENCE
        boxes, scores, keypoints = boxes[sure], scores[sure], keypoints[sure]
        kept = suppress(boxes, scores, ONET_OVERLAP, "smaller")
        return [_detection(boxes[i], scores[i], keypoints[i]) for i in kept]

    def _propose(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return PNet's boxes (n, 4) and their scores (n,) from all levels of the image pyramid."""
        height, width = pixels.shape[:2]
        boxes, scores = [np.empty((0, 4))], [np.empty(0, np.float32)]
        for scale in pyramid_scales(height, width, self._min_face_size):
            # Means over areas, like the package's; of float32, since OpenCV would round uint8.
            size = int(width * scale), int(height * scale)
            level = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            level_boxes, level_scores = self._scan(level)
            kept = suppress(level_boxes, level_scores, LEVEL_OVERLAP)
            boxes.append(level_boxes[kept] / scale)
            scores.append(level_scores[kept])
        return np.concatenate(boxes), np.concatenate(scores)

    def _scan(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes (n, 4) and scores (n,) of the cells of a level that may show a face."""
        boxes, scores = [], []
        margin = CELL - STRIDE  # a strip of n rows of cells is 2 n + 10 pixels high
        for top in range(0, len(level) - margin, STRIDE * STRIP_ROWS):
            strip = level[top : top + STRIDE * STRIP_ROWS + margin]
            output = self._pnet.run(None, {"image": strip[None]})[0][0]
            rows, columns = np.nonzero(output[4] > np.log(PNET_CONFIDENCE / (1 - PNET_CONFIDENCE)))
            found = output[:, rows, columns].T
            # The package counts a cell's first pixel from 1 and its last from 0.
            first = np.stack([STRIDE * columns, top + STRIDE * rows], axis=1) + 1
            last = first + CELL - 1
            boxes.append(np.hstack([first, last]) + found[:, :4].astype(np.float64) * (CELL - 1))
            scores.append(_sigmoid(found[:, 4]))
        return np.concatenate(boxes), np.concatenate(scores)


class TensorflowDetector:
    """The `mtcnn` package on TensorFlow."""

    def __init__(self, min_face_size: int, threads: int) -> None:
        """Load TensorFlow and the package's networks, as `make_detector` says.

        TensorFlow has one number of threads for the whole process, fixed at its first computation.
        """
        # Above 20 its pyramid ends in levels smaller than PNet's cell, and it takes the error that
        # follows for "no face".
        if not CELL <= min_face_size <= 20:
            raise UserError(
                f"detector.min_face_size is {min_face_size}, but the backend tensorflow needs "
                f"{CELL} to 20 pixels: change it, or take the backend onnxruntime."
            )
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            import tensorflow
        except ImportError as error:
            raise UserError(
                f"The backend tensorflow can't be loaded ({error}): install it with "
                "`make reference`, or take the backend onnxruntime."
            ) from error
        from mtcnn import MTCNN

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        self._min_face_size = min_face_size
        self._mtcnn = MTCNN()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Find the faces in a (height, width, 3) uint8 RGB image, highest confidence first."""
        if not _is_large_enough(image):
            return []
        rows = self._mtcnn.detect_faces(
            image,
            min_face_size=self._min_face_size,
            fit_to_image=False,
            box_format="xyxy",
            output_type="numpy",
        )
        return [_detection(row[1:5], row[5], row[6:].reshape(2, 5).T) for row in rows]


def pyramid_scales(height: int, width: int, min_face_size: int) -> list[float]:
    """Return the scales of the image pyramid, largest first.

    The first makes a face of `min_face_size` pixels as large as PNet's cell. At the last, the
    image's shorter side still has 12.06 pixels. For faces of 20 pixels these are the package's.
    """
    shorter = min(height, width)
    scales = (CELL / min_face_size * SCALE_FACTOR**level for level in itertools.count())
    return list(itertools.takewhile(lambda scale: shorter * scale >= LAST_LEVEL, scales))


def suppress(
    boxes: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    relative_to: Literal["union", "smaller"] = "union",
) -> np.ndarray:
    """Return indices of the boxes that no box of higher score overlaps, highest score first.

    Unlike in greedy suppression, a box that is itself suppressed still suppresses others: so it is
    in the package. Many good boxes have a score of just 1, and which of these counts as higher
    decides on the result: the order here is the package's, too.

    Parameters
    ----------
    boxes : (n, 4) float64
    scores : (n,) float32
    threshold : float
        Which part of an area two boxes may share.
    relative_to : str
        Which area that is: of both boxes' union, or of the smaller box.
    """
    order = np.argsort(scores.astype(np.float64))[::-1][:MOST_BOXES]
    boxes = boxes[order]
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1) * (y2 - y1)
    kept = np.ones(len(order), bool)
    for judged, judges in _near(boxes):
        # some against those still kept, not all against all: bounds the memory
        for start in range(0, len(judges), JUDGES):
            judged = judged[kept[judged]]
            some = judges[start : start + JUDGES, None]
            widths = np.minimum(x2[some], x2[judged]) - np.maximum(x1[some], x1[judged])
            heights = np.minimum(y2[some], y2[judged]) - np.maximum(y1[some], y1[judged])
            shared = np.maximum(widths, 0) * np.maximum(heights, 0)
            if relative_to == "union":
                whole = areas[some] + areas[judged] - shared
            else:
                whole = np.minimum(areas[some], areas[judged])
            kept[judged] = ~((shared > threshold * whole) & (some < judged)).any(axis=0)
    return order[kept]


def _near(boxes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Share boxes (n, 4) out into neighbourhoods: yield the indices of some, and, rising, of all
    that could overlap one of these. So what is compared grows with n, not with its square."""
    if len(boxes) <= NEIGHBOURS:
        yield np.arange(len(boxes)), np.arange(len(boxes))
        return
    low, high = boxes[:, :2].copy(), boxes[:, 2:].copy()
    # a network may turn a box inside out; its negative area then counts against all others
    inverted = (high < low).any(axis=1)
    low[inverted], high[inverted] = low.min(axis=0) - 1, high.max(axis=0) + 1
    reach = np.hstack([low, high])
    parts = [(np.arange(len(boxes)), np.arange(len(boxes)))]
    while parts:
        some, near = parts.pop()
        if len(some) <= NEIGHBOURS:
            yield some, near
            continue
        spread = np.ptp(reach[some], axis=0)
        by_place = np.argsort(reach[some, spread.argmax()], kind="stable")
        for half in np.array_split(some[by_place], 2):
            first, last = low[half].min(axis=0), high[half].max(axis=0)
            parts.append((half, near[((low[near] < last) & (high[near] > first)).all(axis=1)]))


def crop_and_resize(pixels: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Return square crops, bilinear, corner to corner, and grey where a box leaves the image.

    As in TensorFlow, whose `crop_and_resize` takes fractions of the last pixel's position. The
    package divides by the sides, so that a corner x lands on x * (width - 1) / width.

    Parameters
    ----------
    pixels : (height, width, 3) float32
        An image, 0 to 255.
    boxes : (n, 4) float64
    size : int
        Width and height of a crop in pixels.

    Returns
    -------
    (n, size, size, 3) float32
    """
    height, width = pixels.shape[:2]
    steps = np.linspace(0, 1, size)
    x = (boxes[:, 0, None] + (boxes[:, 2] - boxes[:, 0])[:, None] * steps) * ((width - 1) / width)
    y = (boxes[:, 1, None] + (boxes[:, 3] - boxes[:, 1])[:, None] * steps) * ((height - 1) / height)
    # To OpenCV a crop is one row of a single map. Before release 5 it rounded to 1/32 pixel here.
    x = np.tile(x.astype(np.float32), size)
    y = np.repeat(y.astype(np.float32), size, axis=1)
    crops = cv2.remap(pixels, x, y, cv2.INTER_LINEAR)
    crops[(x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)] = MIDDLE_GREY
    return crops.reshape(len(boxes), size, size, 3)


def _is_large_enough(image: np.ndarray) -> bool:
    """Tell whether an image has room for a face; raise ValueError if it is no RGB image."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            "The detector needs an RGB image of shape (height, width, 3) and type uint8; "
            f"this one has shape {image.shape} and type {image.dtype}."
        )
    if max(image.shape) > MAX_SIDE:
        raise ValueError(f"The detector takes up to {MAX_SIDE} pixels a side, not {image.shape}.")
    return min(image.shape[:2]) >= CELL


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    import onnxruntime

    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; export_models writes it.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads would spin, and burn CPU time, between the many short runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _outputs(
    session: onnxruntime.InferenceSession, pixels: np.ndarray, boxes: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Run RNet or ONet on boxes (n, 4) of an image; return outputs (n, k) and scores (n,)."""
    width = session.get_outputs()[0].shape[1]
    outputs = [np.empty((0, width), np.float32)]
    for start in range(0, len(boxes), BATCH):
        crops = crop_and_resize(pixels, boxes[start : start + BATCH], size)
        outputs.append(session.run(None, {"image": crops})[0])
    result = np.concatenate(outputs)
    return result[:, :-1], _sigmoid(result[:, -1])


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return scores, float32 like the package's, so that the same ones are equal."""
    return 1 / (1 + np.exp(np.minimum(-logits, 80)))  # exp(89) would overflow


def _move(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Move the corners of boxes (n, 4) by offsets (n, 4) in units of the boxes' sides."""
    return boxes + offsets * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)


def _square(boxes: np.ndarray) -> np.ndarray:
    """Widen or heighten boxes (n, 4) about their centre until they are square."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.hstack([centres - halves, centres + halves])


def _keypoints(boxes: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Turn fractions (n, 10) of boxes (n, 4), five x and five y, into keypoints (n, 5, 2)."""
    places = fractions.reshape(-1, 2, 5).transpose(0, 2, 1)
    corners, sides = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2] + 1)[:, None]
    return corners - 1 + places * sides


def _detection(box: np.ndarray, score: float, keypoints: np.ndarray) -> Detection:
    """Make a detection of a box (4,), rounded like the package's, and keypoints (5, 2)."""
    x1, y1, x2, y2 = box.tolist()
    return Detection(
        box=(round(x1), round(y1), round(x2 - x1), round(y2 - y1)),
        confidence=float(score),
        keypoints=tuple((x, y) for x, y in keypoints.tolist()),
    )

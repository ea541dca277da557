"""Face detection with MTCNN (Zhang et al. 2016, doi:10.1109/LSP.2016.2603342).

PNet slides over an image pyramid and proposes boxes, RNet rejects most of them from 24x24 crops,
and ONet classifies 48x48 crops of the rest and adds keypoints. Weights and rules are those of the
`mtcnn` package, release 1.0.0; `docs/detector.md` lists the differences.

`OnnxDetector` runs the networks on ONNX Runtime, `TensorflowDetector` is the package itself, for
reference. Boxes are (x1, y1, x2, y2) in pixels, float64.
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

NETWORKS = ("pnet", "rnet", "onet")

# Defaults of the package.
CELL = 12  # PNet's input, in pixels a side
STRIDE = 2  # pixels between PNet's cells
SCALE_FACTOR = 0.709
PNET_CONFIDENCE, RNET_CONFIDENCE, ONET_CONFIDENCE = 0.6, 0.7, 0.8
LEVEL_OVERLAP, PNET_OVERLAP, RNET_OVERLAP, ONET_OVERLAP = 0.5, 0.7, 0.7, 0.7
RNET_SIZE, ONET_SIZE = 24, 48
MIN_LEVEL_SIDE = CELL * (CELL / 20) * SCALE_FACTOR**-1.5  # 12.06, of the pyramid's last level
MAX_SIDE = 32766  # OpenCV's limit for remap
MIDDLE_GREY = 127.5  # the networks take (pixel - 127.5) / 128

# Rows of cells that PNet, and crops that RNet and ONet process at a time: small enough for the
# processor's cache, and independent of the size of the image.
STRIP_ROWS = 32
BATCH = 32

# Boxes in a neighbourhood, and suppressors that each is compared with at a time
MAX_NEIGHBOURS = 128
SUPPRESSOR_BATCH = 256

# Limits on the boxes in one suppression and the crops for ONet, far above those of real frames: a
# crafted image can look like faces everywhere (docs/detector.md).
MAX_BOXES = 100_000
MAX_ONET_BOXES = 10_000


@dataclass(frozen=True)
class Detection:
    """One face.

    `box` is x, y, width, height in pixels and may extend beyond the frame. `confidence` is 0 to 1.
    `keypoints` are (x, y) in pixels of left eye, right eye, nose, left and right corner of the
    mouth, left and right as seen by the viewer.
    """

    box: tuple[int, int, int, int]
    confidence: float
    keypoints: tuple[tuple[float, float], ...]


class FaceDetector(Protocol):
    """A face detector."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Detect the faces in a (height, width, 3) uint8 RGB image, highest confidence first.

        Images below 12 pixels a side have none. Raises ValueError for another shape or type, and
        for more than 32766 pixels a side.
        """
        ...


def make_detector(
    backend: str, model_folder: Path | None, min_face_size: int, threads: int
) -> FaceDetector:
    """Create the detector of a backend, "onnxruntime" or "tensorflow".

    `model_folder` is the one that `export_models` wrote, None for "tensorflow". `min_face_size` is
    in pixels, at least 12, for "tensorflow" 12 to 20. Results don't depend on the number of
    `threads`.

    Raises UserError if the backend does not support that size, or is not installed.
    """
    if backend == "onnxruntime" and model_folder:
        return OnnxDetector(model_folder, min_face_size, threads)
    if backend == "tensorflow":
        return TensorflowDetector(min_face_size, threads)
    raise ValueError(f"The backend is {backend!r}; choose 'onnxruntime' or 'tensorflow'.")


class OnnxDetector:
    """MTCNN on ONNX Runtime."""

    def __init__(self, model_folder: Path, min_face_size: int, threads: int) -> None:
        """Load the networks. This also sets OpenCV's number of threads, for the whole process."""
        if min_face_size < CELL:
            raise UserError(
                f"detector.min_face_size is {min_face_size}, but MTCNN finds no face below "
                f"{CELL} pixels: set it to {CELL} or more."
            )
        self._min_face_size = min_face_size
        self._pnet, self._rnet, self._onet = (
            _session(model_folder / f"{network}.onnx", threads) for network in NETWORKS
        )
        cv2.setNumThreads(threads)

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Detect faces as `FaceDetector` specifies."""
        if not _can_hold_face(image):
            return []
        pixels = image.astype(np.float32)

        boxes, scores = self._propose_boxes(pixels)
        boxes = _square(boxes[non_maximum_suppression(boxes, scores, PNET_OVERLAP)])

        offsets, scores = _run_network(self._rnet, pixels, boxes, RNET_SIZE)
        selected = scores > RNET_CONFIDENCE
        boxes, scores = _refine(boxes, offsets)[selected], scores[selected]
        selected = non_maximum_suppression(boxes, scores, RNET_OVERLAP)[:MAX_ONET_BOXES]
        boxes = _square(boxes[selected])

        outputs, scores = _run_network(self._onet, pixels, boxes, ONET_SIZE)
        selected = scores > ONET_CONFIDENCE
        boxes, outputs, scores = boxes[selected], outputs[selected], scores[selected]
        # ten fractions of the box: five x, then five y
        corners, sides = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2] + 1)[:, None]
        keypoints = corners - 1 + outputs[:, 4:].reshape(-1, 2, 5).transpose(0, 2, 1) * sides
        boxes = _refine(boxes, outputs[:, :4])
        selected = non_maximum_suppression(boxes, scores, ONET_OVERLAP, "smaller")
        return [_detection(boxes[i], scores[i], keypoints[i]) for i in selected]

    def _propose_boxes(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """PNet's boxes (n, 4) and scores (n,) from all levels of the image pyramid."""
        height, width = pixels.shape[:2]
        boxes, scores = [np.empty((0, 4))], [np.empty(0, np.float32)]
        for scale in pyramid_scales(height, width, self._min_face_size):
            # area interpolation as in the package, of float32 because OpenCV would round uint8
            size = int(width * scale), int(height * scale)
            level = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            level_boxes, level_scores = self._scan_level(level)
            selected = non_maximum_suppression(level_boxes, level_scores, LEVEL_OVERLAP)
            boxes.append(level_boxes[selected] / scale)
            scores.append(level_scores[selected])
        return np.concatenate(boxes), np.concatenate(scores)

    def _scan_level(self, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (n, 4) and scores (n,) of the cells of a level above PNet's threshold."""
        boxes, scores = [], []
        margin = CELL - STRIDE  # a strip of n rows of cells is 2 n + 10 pixels high
        for top in range(0, len(level) - margin, STRIDE * STRIP_ROWS):
            strip = level[top : top + STRIDE * STRIP_ROWS + margin]
            output = self._pnet.run(None, {"image": strip[None]})[0][0]
            rows, columns = np.nonzero(output[4] > np.log(PNET_CONFIDENCE / (1 - PNET_CONFIDENCE)))
            cells = output[:, rows, columns].T
            # the package counts a cell's first pixel from 1 and its last from 0
            first = np.stack([STRIDE * columns, top + STRIDE * rows], axis=1) + 1
            last = first + CELL - 1
            boxes.append(np.hstack([first, last]) + cells[:, :4].astype(np.float64) * (CELL - 1))
            scores.append(_sigmoid(cells[:, 4]))
        return np.concatenate(boxes), np.concatenate(scores)


class TensorflowDetector:
    """The `mtcnn` package on TensorFlow."""

    def __init__(self, min_face_size: int, threads: int) -> None:
        """Load TensorFlow and the package's networks. The number of threads holds for the whole
        process and is fixed at TensorFlow's first computation."""
        # Above 20 the package's pyramid ends in levels smaller than PNet's cell, and it treats the
        # resulting error as "no face".
        if not CELL <= min_face_size <= 20:
            raise UserError(
                f"detector.min_face_size is {min_face_size}, but the backend tensorflow needs "
                f"{CELL} to 20 pixels: change it, or use the backend onnxruntime."
            )
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            import tensorflow
        except ImportError as error:
            raise UserError(
                f"The backend tensorflow can't be loaded ({error}): install it with "
                "`make reference`, or use the backend onnxruntime."
            ) from error
        from mtcnn import MTCNN

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        self._min_face_size = min_face_size
        self._mtcnn = MTCNN()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Detect faces as `FaceDetector` specifies."""
        if not _can_hold_face(image):
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
    """The scales of the image pyramid, largest first.

    The first scales a face of `min_face_size` pixels to PNet's cell, the last leaves the image's
    shorter side at least 12.06 pixels. For 20 pixels these are the package's.
    """
    shorter = min(height, width)
    scales = (CELL / min_face_size * SCALE_FACTOR**level for level in itertools.count())
    return list(itertools.takewhile(lambda scale: shorter * scale >= MIN_LEVEL_SIDE, scales))


def non_maximum_suppression(
    boxes: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    relative_to: Literal["union", "smaller"] = "union",
) -> np.ndarray:
    """Indices of the boxes that no box of higher score overlaps, highest score first.

    As in the package, a suppressed box still suppresses others, unlike in greedy suppression.
    Between equal scores (many boxes score exactly 1), the package's order decides. `boxes` are
    (n, 4) float64, `scores` (n,) float32. The overlap, at most `threshold`, is relative to the
    union of two boxes (IoU) or to the smaller one.
    """
    order = np.argsort(scores.astype(np.float64))[::-1][:MAX_BOXES]
    boxes = boxes[order]
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1) * (y2 - y1)
    selected = np.ones(len(order), bool)
    for members, neighbours in _neighbourhoods(boxes):
        # in batches, and only against boxes not yet suppressed, to bound memory
        for start in range(0, len(neighbours), SUPPRESSOR_BATCH):
            members = members[selected[members]]
            others = neighbours[start : start + SUPPRESSOR_BATCH, None]
            widths = np.minimum(x2[others], x2[members]) - np.maximum(x1[others], x1[members])
            heights = np.minimum(y2[others], y2[members]) - np.maximum(y1[others], y1[members])
            overlap = np.maximum(widths, 0) * np.maximum(heights, 0)
            if relative_to == "union":
                reference = areas[others] + areas[members] - overlap
            else:
                reference = np.minimum(areas[others], areas[members])
            suppressed = (overlap > threshold * reference) & (others < members)
            selected[members] = ~suppressed.any(axis=0)
    return order[selected]


def _neighbourhoods(boxes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Partition boxes (n, 4): yield the indices of a few, and, ascending, of all that could overlap
    them. So the comparisons grow with n, not with its square."""
    everything = np.arange(len(boxes)), np.arange(len(boxes))
    if len(boxes) <= MAX_NEIGHBOURS:
        yield everything
        return
    low, high = boxes[:, :2].copy(), boxes[:, 2:].copy()
    # the negative area of a box whose corners are swapped suppresses all others
    inverted = (high < low).any(axis=1)
    low[inverted], high[inverted] = low.min(axis=0) - 1, high.max(axis=0) + 1
    corners = np.hstack([low, high])
    parts = [everything]
    while parts:
        members, neighbours = parts.pop()
        if len(members) <= MAX_NEIGHBOURS:
            yield members, neighbours
            continue
        widest = np.ptp(corners[members], axis=0).argmax()
        order = np.argsort(corners[members, widest], kind="stable")
        for half in np.array_split(members[order], 2):
            first, last = low[half].min(axis=0), high[half].max(axis=0)
            near = ((low[neighbours] < last) & (high[neighbours] > first)).all(axis=1)
            parts.append((half, neighbours[near]))


def crop_and_resize(pixels: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Crop boxes and resize them to squares, bilinear with aligned corners; grey outside the image.

    Equals the package's use of TensorFlow's `crop_and_resize`, which takes coordinates relative to
    the last pixel. The package divides by the sides, so x becomes x * (width - 1) / width.

    `pixels` are (height, width, 3) float32, 0 to 255, `boxes` (n, 4) float64. Returns (n, size,
    size, 3) float32.
    """
    height, width = pixels.shape[:2]
    steps = np.linspace(0, 1, size)
    x = (boxes[:, 0, None] + (boxes[:, 2] - boxes[:, 0])[:, None] * steps) * ((width - 1) / width)
    y = (boxes[:, 1, None] + (boxes[:, 3] - boxes[:, 1])[:, None] * steps) * ((height - 1) / height)
    # one row of OpenCV's map per crop; before release 5 it rounded coordinates to 1/32 pixel
    x = np.tile(x.astype(np.float32), size)
    y = np.repeat(y.astype(np.float32), size, axis=1)
    crops = cv2.remap(pixels, x, y, cv2.INTER_LINEAR)
    crops[(x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)] = MIDDLE_GREY
    return crops.reshape(len(boxes), size, size, 3)


def _can_hold_face(image: np.ndarray) -> bool:
    """Whether an image is large enough for a face; ValueError if it is no RGB image."""
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
    # spinning threads would use CPU time between the many short runs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _run_network(
    session: onnxruntime.InferenceSession, pixels: np.ndarray, boxes: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (n, k) and scores (n,) of RNet or ONet for boxes (n, 4) of an image."""
    width = session.get_outputs()[0].shape[1]
    outputs = [np.empty((0, width), np.float32)]
    for start in range(0, len(boxes), BATCH):
        crops = crop_and_resize(pixels, boxes[start : start + BATCH], size)
        outputs.append(session.run(None, {"image": crops})[0])
    result = np.concatenate(outputs)
    return result[:, :-1], _sigmoid(result[:, -1])


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """Scores in float32, so that the same ones are equal as in the package."""
    return 1 / (1 + np.exp(np.minimum(-logits, 80)))  # exp(89) would overflow


def _refine(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Shift the corners of boxes (n, 4) by offsets (n, 4), which are relative to the sides."""
    return boxes + offsets * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)


def _square(boxes: np.ndarray) -> np.ndarray:
    """Extend boxes (n, 4) to squares of the same centre."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.hstack([centres - halves, centres + halves])


def _detection(box: np.ndarray, score: float, keypoints: np.ndarray) -> Detection:
    """A detection from a box (4,), rounded as in the package, and keypoints (5, 2)."""
    x1, y1, x2, y2 = box.tolist()
    return Detection(
        box=(round(x1), round(y1), round(x2 - x1), round(y2 - y1)),
        confidence=float(score),
        keypoints=tuple((x, y) for x, y in keypoints.tolist()),
    )

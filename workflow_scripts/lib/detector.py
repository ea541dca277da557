"""Face detection with MTCNN (Zhang et al. 2016, doi:10.1109/LSP.2016.2603342).

Three small networks look at an image in turn. PNet slides over an image pyramid and proposes
boxes, RNet looks again at a 24x24 crop of each, ONet at a 48x48 crop of those that are left and
finds the keypoints. Weights and rules are those of the `mtcnn` package, release 1.0.0;
`docs/detector.md` says where this differs and why.

`OnnxDetector` runs the networks on ONNX Runtime, `TensorflowDetector` is the package itself, the
reference. `export_models` writes the networks' files once, so that the many short jobs that
detect faces need neither `onnx` nor `joblib`. In what follows a box is (x1, y1, x2, y2), in
pixels, float64.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import cv2
import numpy as np

from workflow_scripts.lib.run import UserError, written_aside

if TYPE_CHECKING:
    import onnxruntime

__all__ = [
    "Detection",
    "FaceDetector",
    "OnnxDetector",
    "TensorflowDetector",
    "crop_and_resize",
    "export_models",
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
    backend: str, model_folder: Path, min_face_size: int, threads: int
) -> FaceDetector:
    """Make the detector that runs on a library.

    Parameters
    ----------
    backend : str
        "onnxruntime" or "tensorflow".
    model_folder : Path
        Where `export_models` has written; "tensorflow" does not need it.
    min_face_size : int
        Size of the smallest face to look for, in pixels: 12 or more, "tensorflow" 12 to 20.
    threads : int
        Number of threads to compute with; the answers do not depend on it.

    Raises
    ------
    UserError
        The backend can't find faces of that size, or is not installed.
    """
    if backend == "onnxruntime":
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
        kept = suppress(boxes, scores, RNET_OVERLAP)
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
    order = np.argsort(scores.astype(np.float64))[::-1]
    x1, y1, x2, y2 = boxes[order].T
    areas = (x2 - x1) * (y2 - y1)
    alive = np.arange(len(order))
    block = 256  # some against those still alive, not all against all: bounds the memory
    for start in range(0, len(order), block):
        judges = np.arange(start, min(start + block, len(order)))[:, None]
        alive, judged = alive[alive <= start], alive[alive > start]
        widths = np.minimum(x2[judges], x2[judged]) - np.maximum(x1[judges], x1[judged])
        heights = np.minimum(y2[judges], y2[judged]) - np.maximum(y1[judges], y1[judged])
        shared = np.maximum(widths, 0) * np.maximum(heights, 0)
        if relative_to == "union":
            whole = areas[judges] + areas[judged] - shared
        else:
            whole = np.minimum(areas[judges], areas[judged])
        overlapped = ((shared > threshold * whole) & (judges < judged)).any(axis=0)
        alive = np.concatenate([alive, judged[~overlapped]])
    return order[alive]


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


def export_models(folder: Path) -> None:
    """Write `pnet.onnx`, `rnet.onnx` and `onet.onnx` from the `mtcnn` package's weights.

    The networks take pixels (n, height, width, 3), float32, 0 to 255. PNet gives (n, 5, rows,
    columns), RNet (n, 5) and ONet (n, 15): four box offsets, from ONet ten keypoint coordinates,
    and last the logit of "face". Equal versions of `onnx` write equal bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for network in NETWORKS:
        with written_aside(folder / f"{network}.onnx") as aside:
            aside.write_bytes(_model(network))


def _weights(network: str) -> Iterator[np.ndarray]:
    """Read a network's weights, float64, layer after layer, from the `mtcnn` package."""
    import joblib

    package = importlib.util.find_spec("mtcnn")  # importing it would load TensorFlow
    if package is None or package.origin is None:
        raise ModuleNotFoundError("The weights come with the mtcnn package: install mtcnn==1.0.0.")
    # joblib's format is a pickle. It is only ever read from the package, whose hash is locked.
    path = Path(package.origin).parent / "assets" / "weights" / f"{network}.lz4"
    return (array.astype(np.float64) for array in joblib.load(path))


class _Graph:
    """An ONNX graph in the making; values are known by their names."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its output."""
        from onnx import helper

        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, values: np.ndarray) -> str:
        """Add an array, as float32, and return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        tensor = numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name)
        self.constants.append(tensor)
        return name

    def convolve(
        self, x: str, kernel: np.ndarray, bias: np.ndarray | None = None, group: int = 1
    ) -> str:
        """Add a convolution with a kernel (outputs, inputs / group, height, width)."""
        biases = [] if bias is None else [self.constant(bias)]
        return self.add("Conv", x, self.constant(kernel), *biases, group=group)

    def scale(self, x: str, factors: np.ndarray) -> str:
        """Multiply each channel by its factor."""
        return self.convolve(x, factors[:, None, None, None], group=len(factors))

    def mix(self, x: str, matrix: np.ndarray) -> str:
        """Multiply the channels by a matrix (outputs, inputs)."""
        return self.convolve(x, matrix[:, :, None, None])


# Size and padding of the max pooling that follows each convolution, if one does; its step is 2.
_POOLS: dict[str, list[tuple[int, str] | None]] = {
    "pnet": [(2, "SAME_UPPER"), None, None],
    "rnet": [(3, "SAME_UPPER"), (3, "VALID"), None],
    "onet": [(3, "SAME_UPPER"), (3, "VALID"), (2, "SAME_UPPER"), None],
}


def _model(network: str) -> bytes:
    """Return a network as a serialised ONNX model."""
    import onnx
    from onnx import helper

    weights = _weights(network)
    graph = _Graph()
    x, channels = _trunk(graph, _POOLS[network], weights)
    sides: tuple[int | str, int | str]
    shape: tuple[int | str, ...]
    if network == "pnet":
        output = _convolutional_head(graph, x, weights)
        sides, shape = ("height", "width"), (5, "rows", "columns")
    else:
        output, size = _dense_head(graph, x, channels, weights)
        sides, shape = ((RNET_SIZE,) * 2 if network == "rnet" else (ONET_SIZE,) * 2), (size,)

    float32 = onnx.TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            network,
            [helper.make_tensor_value_info("image", float32, ["n", *sides, 3])],
            [helper.make_tensor_value_info(output, float32, ["n", *shape])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _trunk(
    graph: _Graph, pools: list[tuple[int, str] | None], weights: Iterator[np.ndarray]
) -> tuple[str, int]:
    """Add the convolutional layers; return their output and its number of channels in use."""
    x = graph.add("Transpose", "image", perm=[0, 3, 1, 2])
    channels, width = 3, 3
    for i, pool in enumerate(pools):
        kernel, bias, slopes = next(weights).transpose(3, 2, 0, 1), next(weights), next(weights)
        if i == 0:  # it takes pixels for (pixels - 127.5) / 128
            kernel = kernel / 128
            bias = bias - MIDDLE_GREY * kernel.sum(axis=(1, 2, 3))
        channels = len(kernel)
        x = _layer(graph, x, _padded(kernel, channels, width), bias, slopes.ravel(), pool)
        width = _blocks(channels)
    return x, channels


def _convolutional_head(graph: _Graph, x: str, weights: Iterator[np.ndarray]) -> str:
    """Add PNet's output: box offsets and logit of every cell."""
    offsets, offsets_bias, classes, classes_bias = weights
    kernel = np.concatenate([offsets, _logit(classes)], axis=-1).transpose(3, 2, 0, 1)
    return graph.convolve(x, kernel, np.concatenate([offsets_bias, _logit(classes_bias)]))


def _dense_head(
    graph: _Graph, x: str, channels: int, weights: Iterator[np.ndarray]
) -> tuple[str, int]:
    """Add the dense layers of RNet or ONet; return their output and its size."""
    dense, dense_bias, slopes, *places, classes, classes_bias = weights
    # The package flattens (width, height, channels), this does (channels, height, width).
    side = round((len(dense) / channels) ** 0.5)
    dense = dense.reshape(side, side, channels, -1).transpose(2, 1, 0, 3).reshape(dense.shape)
    x = graph.add("Flatten", x)
    x = graph.add("Gemm", x, graph.constant(dense), graph.constant(dense_bias))
    x = graph.add("PRelu", x, graph.constant(slopes))
    matrix = np.concatenate([*places[::2], _logit(classes)], axis=-1)
    bias = np.concatenate([*places[1::2], _logit(classes_bias)])
    return graph.add("Gemm", x, graph.constant(matrix), graph.constant(bias)), len(bias)


def _layer(
    graph: _Graph,
    x: str,
    kernel: np.ndarray,
    bias: np.ndarray,
    slopes: np.ndarray,
    pool: tuple[int, str] | None,
) -> str:
    """Add convolution, PReLU and max pooling, in a form that ONNX Runtime has fast code for.

    It keeps channels together in blocks for Conv, MaxPool, Relu and Add, but leaves that layout
    for PRelu, which then takes more time than the convolutions. So PReLU with slope a becomes
    a x + (1 - a) relu(x).

    Pooling goes first, since that leaves PReLU a quarter of the values. For a >= 0 PReLU is
    monotone, and the order does not matter. For a < 0 it is max(x, a x): the convolution gives
    a x in a further channel, and after the pooling max(p, q) = p + relu(q - p).
    """
    channels, width = len(slopes), _blocks(len(slopes))
    if pool is None:  # these slopes are below 1: the convolution can give (1 - a) x
        rest = 1 - slopes
        kernel, bias = kernel * rest[:, None, None, None], bias * rest
        x = graph.convolve(x, _padded(kernel, width), _padded(bias, width))
        return graph.add("Add", graph.scale(x, _padded(slopes / rest, width)), graph.add("Relu", x))

    negative = np.flatnonzero(slopes < 0)
    partners = channels + np.arange(len(negative))
    both = _blocks(channels + len(negative))
    kernel = np.concatenate([kernel, slopes[negative, None, None, None] * kernel[negative]])
    bias = np.concatenate([bias, slopes[negative] * bias[negative]])
    x = graph.convolve(x, _padded(kernel, both), _padded(bias, both))
    size, padding = pool
    x = graph.add("MaxPool", x, kernel_shape=[size, size], strides=[2, 2], auto_pad=padding)

    linear = np.eye(width, both) * _padded(np.where(slopes < 0, 1, slopes), both)
    difference = np.eye(width, both)
    difference[negative, negative] = -1
    difference[negative, partners] = 1
    rectified = graph.add("Relu", graph.mix(x, difference))
    factors = _padded(np.where(slopes < 0, 1, 1 - slopes), width)
    return graph.add("Add", graph.mix(x, linear), graph.scale(rectified, factors))


def _blocks(channels: int) -> int:
    """Round up to whole blocks, of 8 or 16 channels, depending on the processor."""
    return -(-channels // 16) * 16


def _padded(array: np.ndarray, *sizes: int) -> np.ndarray:
    """Append zeros until the first axes have the given sizes."""
    missing = [(0, size - had) for size, had in zip(sizes, array.shape, strict=False)]
    return np.pad(array, missing + [(0, 0)] * (array.ndim - len(sizes)))


def _logit(classes: np.ndarray) -> np.ndarray:
    """Turn the last axis, two classes for a softmax, into the logit of the second."""
    return classes[..., 1:] - classes[..., :1]

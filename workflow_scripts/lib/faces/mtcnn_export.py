"""Export of MTCNN's networks to ONNX files, from the weights of the `mtcnn` package.

The files are written once for all videos, so that the many short detection jobs need neither `onnx`
nor `joblib`.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
from onnx import helper, numpy_helper

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.faces.mtcnn import MIDDLE_GREY, NETWORKS, ONET_SIZE, RNET_SIZE

# Size and padding of the max pooling (stride 2) after each convolution; None without pooling.
POOLING: dict[str, list[tuple[int, str] | None]] = {
    "pnet": [(2, "SAME_UPPER"), None, None],
    "rnet": [(3, "SAME_UPPER"), (3, "VALID"), None],
    "onet": [(3, "SAME_UPPER"), (3, "VALID"), (2, "SAME_UPPER"), None],
}


def export_models(folder: Path) -> None:
    """Write `pnet.onnx`, `rnet.onnx` and `onet.onnx`.

    The networks take pixels (n, height, width, 3), float32, 0 to 255. PNet returns (n, 5, rows,
    columns), RNet (n, 5) and ONet (n, 15): four box offsets, for ONet ten keypoint coordinates, and
    the logit of "face". The same version of `onnx` writes the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for network in NETWORKS:
        with atomic_write(folder / f"{network}.onnx") as temporary:
            temporary.write_bytes(_build_model(network))


def _load_weights(network: str) -> Iterator[np.ndarray]:
    """The weights of a network, float64, layer by layer."""
    package = importlib.util.find_spec("mtcnn")  # importing it would load TensorFlow
    if package is None or package.origin is None:
        raise ModuleNotFoundError("The weights come with the mtcnn package: install mtcnn==1.0.0.")
    # joblib's format is a pickle, but this one comes with the package, whose hash is locked
    path = Path(package.origin).parent / "assets" / "weights" / f"{network}.lz4"
    return (array.astype(np.float64) for array in joblib.load(path))


class _Graph:
    """An ONNX graph under construction; values are referred to by name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, values: np.ndarray) -> str:
        """Add an array as float32 and return its name."""
        name = f"constant_{len(self.constants)}"
        tensor = numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name)
        self.constants.append(tensor)
        return name

    def convolve(self, x: str, kernel: np.ndarray, *bias: np.ndarray, group: int = 1) -> str:
        """Add a convolution with a kernel (outputs, inputs / group, height, width)."""
        biases = [self.constant(array) for array in bias]
        return self.add("Conv", x, self.constant(kernel), *biases, group=group)

    def scale_channels(self, x: str, factors: np.ndarray) -> str:
        return self.convolve(x, factors[:, None, None, None], group=len(factors))

    def mix_channels(self, x: str, matrix: np.ndarray) -> str:
        """Multiply the channels by a matrix (outputs, inputs)."""
        return self.convolve(x, matrix[:, :, None, None])


def _build_model(network: str) -> bytes:
    """A network as a serialized ONNX model."""
    weights = _load_weights(network)
    graph = _Graph()
    x = graph.add("Transpose", "image", perm=[0, 3, 1, 2])
    channels, padded_channels = 3, 3
    for i, pooling in enumerate(POOLING[network]):
        kernel, bias, slopes = next(weights).transpose(3, 2, 0, 1), next(weights), next(weights)
        if i == 0:  # includes the normalization (pixels - 127.5) / 128
            kernel = kernel / 128
            bias = bias - MIDDLE_GREY * kernel.sum(axis=(1, 2, 3))
        channels = len(kernel)
        kernel = _pad(kernel, channels, padded_channels)
        x = _layer(graph, x, kernel, bias, slopes.ravel(), pooling)
        padded_channels = _round_up(channels)

    input_shape: list[str | int]
    output_shape: list[str | int]
    if network == "pnet":
        offsets, offsets_bias, classes, classes_bias = weights
        kernel = np.concatenate([offsets, _logit(classes)], axis=-1).transpose(3, 2, 0, 1)
        bias = np.concatenate([offsets_bias, _logit(classes_bias)])
        output = graph.convolve(x, kernel, bias)
        input_shape, output_shape = ["n", "height", "width", 3], ["n", 5, "rows", "columns"]
    else:
        dense, dense_bias, slopes, *heads, classes, classes_bias = weights
        # the package flattens (width, height, channels), ONNX (channels, height, width)
        side = round((len(dense) / channels) ** 0.5)
        dense = dense.reshape(side, side, channels, -1).transpose(2, 1, 0, 3).reshape(dense.shape)
        x = graph.add("Flatten", x)
        x = graph.add("Gemm", x, graph.constant(dense), graph.constant(dense_bias))
        x = graph.add("PRelu", x, graph.constant(slopes))
        matrix = np.concatenate([*heads[::2], _logit(classes)], axis=-1)
        bias = np.concatenate([*heads[1::2], _logit(classes_bias)])
        output = graph.add("Gemm", x, graph.constant(matrix), graph.constant(bias))
        size = RNET_SIZE if network == "rnet" else ONET_SIZE
        input_shape, output_shape = ["n", size, size, 3], ["n", len(bias)]

    float32 = onnx.TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            network,
            [helper.make_tensor_value_info("image", float32, input_shape)],
            [helper.make_tensor_value_info(output, float32, output_shape)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _layer(
    graph: _Graph,
    x: str,
    kernel: np.ndarray,
    bias: np.ndarray,
    slopes: np.ndarray,
    pooling: tuple[int, str] | None,
) -> str:
    """Add convolution, PReLU and max pooling in a form that is fast in ONNX Runtime.

    It keeps channels in blocks for Conv, MaxPool, Relu and Add, but leaves that layout for PRelu,
    which then takes longer than the convolutions. So PReLU with slope a becomes
    a x + (1 - a) relu(x).

    Pooling goes first, which leaves PReLU a quarter of the values. For a >= 0 PReLU is monotone,
    so the order does not matter. For a < 0 it is max(x, a x): the convolution computes a x as a
    further channel, and after the pooling max(p, q) = p + relu(q - p).
    """
    channels, width = len(slopes), _round_up(len(slopes))
    if pooling is None:  # these slopes are below 1, so the convolution can compute (1 - a) x
        rest = 1 - slopes
        kernel, bias = kernel * rest[:, None, None, None], bias * rest
        x = graph.convolve(x, _pad(kernel, width), _pad(bias, width))
        linear_part = graph.scale_channels(x, _pad(slopes / rest, width))
        return graph.add("Add", linear_part, graph.add("Relu", x))

    negative = np.flatnonzero(slopes < 0)
    partners = channels + np.arange(len(negative))
    extended = _round_up(channels + len(negative))
    kernel = np.concatenate([kernel, slopes[negative, None, None, None] * kernel[negative]])
    bias = np.concatenate([bias, slopes[negative] * bias[negative]])
    x = graph.convolve(x, _pad(kernel, extended), _pad(bias, extended))
    size, padding = pooling
    x = graph.add("MaxPool", x, kernel_shape=[size, size], strides=[2, 2], auto_pad=padding)

    linear = np.eye(width, extended) * _pad(np.where(slopes < 0, 1, slopes), extended)
    difference = np.eye(width, extended)
    difference[negative, negative] = -1
    difference[negative, partners] = 1
    rectified = graph.add("Relu", graph.mix_channels(x, difference))
    factors = _pad(np.where(slopes < 0, 1, 1 - slopes), width)
    linear_part = graph.mix_channels(x, linear)
    return graph.add("Add", linear_part, graph.scale_channels(rectified, factors))


def _round_up(channels: int) -> int:
    """Round up to a multiple of 16: blocks have 8 or 16 channels, depending on the processor."""
    return -(-channels // 16) * 16


def _pad(array: np.ndarray, *sizes: int) -> np.ndarray:
    """Append zeros until the first axes have the given sizes."""
    missing = [(0, size - old) for size, old in zip(sizes, array.shape, strict=False)]
    return np.pad(array, missing + [(0, 0)] * (array.ndim - len(sizes)))


def _logit(classes: np.ndarray) -> np.ndarray:
    """Turn the last axis, two classes for a softmax, into the logit of the second."""
    return classes[..., 1:] - classes[..., :1]

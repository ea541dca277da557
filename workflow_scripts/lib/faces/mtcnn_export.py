"""MTCNN's networks as ONNX files, made from the weights of the `mtcnn` package.

They are written once for all videos, so that the many short jobs that detect faces need neither
`onnx` nor `joblib`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.faces.mtcnn import MIDDLE_GREY, NETWORKS, ONET_SIZE, RNET_SIZE

__all__ = ["export_models"]


def export_models(folder: Path) -> None:
    """Write `pnet.onnx`, `rnet.onnx` and `onet.onnx` from the `mtcnn` package's weights.

    The networks take pixels (n, height, width, 3), float32, 0 to 255. PNet gives (n, 5, rows,
    columns), RNet (n, 5) and ONet (n, 15): four box offsets, from ONet ten keypoint coordinates,
    and last the logit of "face". Equal versions of `onnx` write equal bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for network in NETWORKS:
        with atomic_write(folder / f"{network}.onnx") as aside:
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

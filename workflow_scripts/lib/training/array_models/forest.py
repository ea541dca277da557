"""Forests and trees, scikit-learn's and the pixel forest."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.training.array_models.model import ArrayModel

LEAF = 0  # in `left` and `right`: the first root is never a child
# Block sizes that fit into the cache: rows, and pairs of a row and a tree
BLOCK_ROWS, BLOCK_PAIRS = 256, 1 << 16


@dataclass(frozen=True)
class ArrayForest(ArrayModel):
    """Concatenated trees, with all nodes numbered consecutively. The scores equal those of the
    trained model bit for bit: the same comparisons, and the trees summed in the same order.
    """

    DTYPES: ClassVar[dict[str, str]] = {
        "roots": "int32",
        "feature": "int32",
        "threshold": "float64",
        "left": "int32",
        "right": "int32",
        "share": "float64",
        "importances": "float64",
    }

    roots: np.ndarray  # (trees,) the first node of each tree, ascending
    feature: np.ndarray  # (nodes,) the column that an inner node compares
    threshold: np.ndarray  # (nodes,) a row goes left if its value, as float32, is at most this
    left: np.ndarray  # (nodes,) the left child, or `LEAF`
    right: np.ndarray  # (nodes,)
    share: np.ndarray  # (nodes,) the fraction of fakes
    importances: np.ndarray  # (columns,) the estimator's feature importances

    @classmethod
    def from_estimator(cls, model: Any) -> Self:
        """Convert a fitted pixel forest, scikit-learn forest, or decision tree."""
        fake = list(model.classes_).index(Label.FAKE)
        convert = _convert_pixel_forest if hasattr(model, "trees_") else _convert_scikit_learn
        arrays = {**convert(model, fake), "importances": model.feature_importances_}
        typed = {name: arrays[name].astype(dtype) for name, dtype in cls.DTYPES.items()}
        return cls(model.n_features_in_, **typed)

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """See `ArrayModel.scores`."""
        self.check_matrix(matrix)
        scores = np.empty(len(matrix))
        for first in range(0, len(matrix), BLOCK_ROWS):
            block = np.ascontiguousarray(matrix[first : first + BLOCK_ROWS])
            scores[first : first + BLOCK_ROWS] = self._scores(block)
        return scores

    def _scores(self, block: np.ndarray) -> np.ndarray:
        total = np.zeros(len(block))
        n_trees = max(1, BLOCK_PAIRS // len(block))
        for first in range(0, len(self.roots), n_trees):
            roots = self.roots[first : first + n_trees]
            node = np.repeat(roots, len(block))
            for pair, _, child in self._descend(block, roots):
                node[pair] = child
            for shares in self.share.take(node).reshape(len(roots), len(block)):
                total += shares  # tree by tree, like the estimators: the order affects rounding
        return total / len(self.roots)

    def contributions(self, matrix: np.ndarray) -> tuple[float, np.ndarray]:
        """See `ArrayModel.contributions`.

        Each step of a row down a tree changes the share from the node's to the child's; the change
        is attributed to the node's column (Saabas 2014). The base value is the roots' mean share.
        """
        self.check_matrix(matrix)
        contributions = np.zeros(matrix.shape)
        row = np.tile(np.arange(len(matrix)), len(self.roots))
        for pair, parent, child in self._descend(np.ascontiguousarray(matrix), self.roots):
            change = self.share[child] - self.share[parent]
            np.add.at(contributions, (row[pair], self.feature[parent]), change)
        return float(self.share[self.roots].mean()), contributions / len(self.roots)

    def _descend(
        self, matrix: np.ndarray, roots: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Follow the rows of a contiguous matrix down some trees, level by level.

        Pairs of a tree and a row are numbered tree by tree. Yields for each level the pairs that
        have not reached a leaf, the node of each, and its child.
        """
        values = matrix.reshape(-1)
        pair = np.arange(len(roots) * len(matrix))
        start = np.tile(np.arange(len(matrix)) * self.columns, len(roots))  # of the row in `values`
        node = np.repeat(roots, len(matrix))
        while len(inner := np.flatnonzero(self.left.take(node) != LEAF)):
            pair, start, node = pair.take(inner), start.take(inner), node.take(inner)
            value = values.take(start + self.feature.take(node)).astype(np.float32)
            goes_left = value <= self.threshold.take(node)  # as scikit-learn compares
            child = np.where(goes_left, self.left.take(node), self.right.take(node))
            yield pair, node, child
            node = child

    def check(self) -> None:
        """Raise ValueError if a path does not end in a leaf of its tree, or a value is invalid."""
        n = self.feature.size
        lengths = {"roots": self.roots.size, "importances": self.columns}
        for name in self.DTYPES:
            self.check_array(name, lengths.get(name, n))
        roots = self.roots
        if not len(roots) or roots[0] != 0 or roots[-1] >= n or (np.diff(roots) < 1).any():
            raise ValueError("its trees do not cover its nodes")
        inner = np.flatnonzero(self.left != LEAF)
        end = np.repeat([*roots[1:], n], np.diff([*roots, n]))  # of each node's tree
        for children in (self.left, self.right):
            # children come after their parent, so every path ends
            if (children[inner] <= inner).any() or (children[inner] >= end[inner]).any():
                raise ValueError("a tree has a path that does not end in a leaf")
        if (self.right[self.left == LEAF] != LEAF).any():
            raise ValueError("a tree has a node with one child")
        if ((self.feature < 0) | (self.feature >= self.columns)).any():
            raise ValueError("a tree uses a column that does not exist")
        if not ((self.share >= 0) & (self.share <= 1)).all():
            raise ValueError("the share of a node is not between 0 and 1")
        if not np.isfinite(self.importances).all():
            raise ValueError("the importance of a column is not finite")


def _convert_scikit_learn(model: Any, fake: int) -> dict[str, np.ndarray]:
    trees = [member.tree_ for member in getattr(model, "estimators_", [model])]
    sizes = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    first = np.repeat(roots, sizes)

    def concatenate(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in trees])

    left, right = concatenate("children_left"), concatenate("children_right")
    inner = left >= 0
    return {
        "roots": roots,
        "feature": np.where(inner, concatenate("feature"), 0),
        "threshold": np.where(inner, concatenate("threshold"), 0),
        "left": np.where(inner, first + left, LEAF),
        "right": np.where(inner, first + right, LEAF),
        "share": concatenate("value")[:, 0, fake],
    }


def _convert_pixel_forest(model: Any, fake: int) -> dict[str, np.ndarray]:
    trees = model.trees_
    inner = trees.left != 0
    left = np.repeat(trees.offsets[:-1], np.diff(trees.offsets)) + trees.left
    return {
        "roots": trees.offsets[:-1],
        "feature": np.where(inner, trees.feature, 0),
        "threshold": np.where(inner, trees.threshold, 0),
        "left": np.where(inner, left, LEAF),
        "right": np.where(inner, left + 1, LEAF),
        "share": (trees.weights / trees.weights.sum(axis=1, keepdims=True))[:, fake],
    }

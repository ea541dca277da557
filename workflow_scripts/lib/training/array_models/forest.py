"""Forests: scikit-learn's and the pixel forest in one form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.training.array_models.model import ArrayModel

__all__ = ["ArrayForest"]

LEAF = 0  # in `left` and `right`: the first tree's root is nobody's child
# What is scored at once, so that it stays in the cache: so many rows, and of these and trees pairs
ROWS_AT_ONCE, PAIRS_AT_ONCE = 256, 1 << 16


@dataclass(frozen=True)
class ArrayForest(ArrayModel):
    """Trees one behind the other, every node numbered through all of them. The scores are those of
    the trained model bit for bit: the same comparisons, and the trees' shares added up in the same
    order.

    Attributes
    ----------
    roots : (trees,) int32
        The number of each tree's first node, ascending.
    feature : (nodes,) int32
        The column that an inner node asks for.
    threshold : (nodes,) float64
        A row goes left where its value, as float32, is at most this.
    left, right : (nodes,) int32
        Numbers of the children; `LEAF` in leaves.
    share : (nodes,) float64
        Of fakes.
    importances : (columns,) float64
        How much each column counted in the training, as the estimator tells it.
    """

    KINDS: ClassVar[dict[str, str]] = {
        "roots": "int32",
        "feature": "int32",
        "threshold": "float64",
        "left": "int32",
        "right": "int32",
        "share": "float64",
        "importances": "float64",
    }

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    share: np.ndarray
    importances: np.ndarray

    @classmethod
    def of(cls, model: Any) -> Self:
        """The arrays of a fitted pixel forest, a scikit-learn forest, or one of its trees."""
        fake = list(model.classes_).index(Label.FAKE)
        arrays = (_of_pixels if hasattr(model, "trees_") else _of_scikit_learn)(model, fake)
        arrays["importances"] = model.feature_importances_
        kinds = {name: arrays[name].astype(kind) for name, kind in cls.KINDS.items()}
        return cls(model.n_features_in_, **kinds)

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """The score of fake of each row of `matrix` (n, columns), (n,) float64."""
        self.check_matrix(matrix)
        scores = np.empty(len(matrix))
        for first in range(0, len(matrix), ROWS_AT_ONCE):
            block = np.ascontiguousarray(matrix[first : first + ROWS_AT_ONCE])
            scores[first : first + ROWS_AT_ONCE] = self._scores(block)
        return scores

    def _scores(self, block: np.ndarray) -> np.ndarray:
        total = np.zeros(len(block))
        at_once = max(1, PAIRS_AT_ONCE // len(block))
        for first in range(0, len(self.roots), at_once):
            roots = self.roots[first : first + at_once]
            at = np.repeat(roots, len(block))
            for walker, _, child in self._steps(block, roots):
                at[walker] = child
            for shares in self.share.take(at).reshape(len(roots), len(block)):
                total += shares  # tree by tree, as forests do: the order shows in the last digits
        return total / len(self.roots)

    def contributions(self, matrix: np.ndarray) -> tuple[float, np.ndarray]:
        """By how much each column moved each row's score.

        On its way down a tree each step moves the share from a node's to its child's; the step
        counts for the column that the node asks for (Saabas 2014).

        Returns
        -------
        (bias, moves)
            The mean share at the roots, and (n, columns) float64: together they make the score.
        """
        self.check_matrix(matrix)
        moves = np.zeros(matrix.shape)
        row = np.tile(np.arange(len(matrix)), len(self.roots))
        for walker, parent, child in self._steps(np.ascontiguousarray(matrix), self.roots):
            asked = self.feature[parent]
            np.add.at(moves, (row[walker], asked), self.share[child] - self.share[parent])
        return float(self.share[self.roots].mean()), moves / len(self.roots)

    def _steps(
        self, matrix: np.ndarray, roots: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Let every row of a contiguous matrix go down the trees with these roots, all of them one
        level at a time.

        Gives for each level which walkers (tree after tree, in each the rows) went from which node
        to which child.
        """
        values = matrix.reshape(-1)
        walker = np.arange(len(roots) * len(matrix))
        start = np.tile(np.arange(len(matrix)) * self.columns, len(roots))  # of the row, in values
        node = np.repeat(roots, len(matrix))
        while len(inner := np.flatnonzero(self.left.take(node) != LEAF)):
            walker, start, node = walker.take(inner), start.take(inner), node.take(inner)
            asked = values.take(start + self.feature.take(node))
            # as scikit-learn compares
            goes_left = asked.astype(np.float32) <= self.threshold.take(node)
            child = np.where(goes_left, self.left.take(node), self.right.take(node))
            yield walker, node, child
            node = child

    def check(self) -> None:
        """Refuse trees that lead outside or nowhere."""
        n = self.feature.size
        lengths = {"roots": self.roots.size, "importances": self.columns}
        for name in self.KINDS:
            self.check_array(name, lengths.get(name, n))
        roots = self.roots
        if not len(roots) or roots[0] != 0 or roots[-1] >= n or (np.diff(roots) < 1).any():
            raise ValueError("its trees do not cover its nodes")
        inner = np.flatnonzero(self.left != LEAF)
        end = np.repeat([*roots[1:], n], np.diff([*roots, n]))  # of the tree that a node is in
        for children in (self.left, self.right):
            # children come after their parent, so that every path ends
            if (children[inner] <= inner).any() or (children[inner] >= end[inner]).any():
                raise ValueError("a tree has a path that leads nowhere")
        if (self.right[self.left == LEAF] != LEAF).any():
            raise ValueError("a tree has a broken leaf")
        if ((self.feature < 0) | (self.feature >= self.columns)).any():
            raise ValueError("a tree asks for a column that does not exist")
        if not ((self.share >= 0) & (self.share <= 1)).all():
            raise ValueError("a node holds no share")
        if not np.isfinite(self.importances).all():
            raise ValueError("a column has no importance")


def _of_scikit_learn(model: Any, fake: int) -> dict[str, np.ndarray]:
    trees = [member.tree_ for member in getattr(model, "estimators_", [model])]
    sizes = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    first = np.repeat(roots, sizes)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in trees])

    left, right = joined("children_left"), joined("children_right")
    inner = left >= 0
    return {
        "roots": roots,
        "feature": np.where(inner, joined("feature"), 0),
        "threshold": np.where(inner, joined("threshold"), 0),
        "left": np.where(inner, first + left, LEAF),
        "right": np.where(inner, first + right, LEAF),
        "share": joined("value")[:, 0, fake],
    }


def _of_pixels(model: Any, fake: int) -> dict[str, np.ndarray]:
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

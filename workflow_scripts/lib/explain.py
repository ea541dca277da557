"""What in the crops moved a forest's score, and in which direction.

On its way down a tree each step moves the probability from a node's to its child's; the step counts
for the column that the node asks for (Saabas 2014). The mean at the roots (`bias`) and all moves
add up to the score. A single column means little to people, so columns are shown in groups: squares
of the crop for pixels, thirds of the frequency range for the other feature sets.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from workflow_scripts.lib.features import find_feature_set
from workflow_scripts.lib.manifest import Label

__all__ = ["CELLS", "column_groups", "contributions", "group_moves"]

CELLS = 16  # squares across a crop
BANDS = ("low", "middle", "high")
BLOCK_SUM = 14  # of the two highest frequencies of an 8x8 block
NAME = re.compile(r"(\w+)\.([^\[]+)\[([-\d,]+)\]")


def contributions(model: Any, matrix: np.ndarray) -> tuple[float, np.ndarray] | None:
    """By how much each column moved each row's score of fake.

    Returns
    -------
    (bias, moves)
        The mean score at the roots, and (rows, features) float64; None for a model without trees.
    """
    if hasattr(model, "contributions"):
        return model.contributions(matrix, Label.FAKE)
    trees = getattr(model, "estimators_", [model])
    if not all(hasattr(tree, "tree_") for tree in trees):
        return None
    rows = np.asarray(matrix, np.float32)  # as scikit-learn compares them
    moves = np.zeros(rows.shape)
    fake = list(model.classes_).index(Label.FAKE)
    bias = sum(_add_moves(tree.tree_, rows, fake, moves) for tree in trees)
    return bias / len(trees), moves / len(trees)


def _add_moves(tree: Any, rows: np.ndarray, fake: int, moves: np.ndarray) -> float:
    """Add one tree's moves; all rows go down together, a level at a time. Returns the root's."""
    values = tree.value[:, 0, fake] / tree.value[:, 0].sum(axis=1)
    number, node = np.arange(len(rows)), np.zeros(len(rows), np.intp)
    while len(number := number[(inner := tree.children_left[node] != -1)]):
        node = node[inner]
        asked = tree.feature[node]
        is_left = rows[number, asked] <= tree.threshold[node]
        child = np.where(is_left, tree.children_left[node], tree.children_right[node])
        moves[number, asked] += values[child] - values[node]  # a row moves once a level
        node = child
    return float(values[0])


def column_groups(features: str, side: int) -> list[str]:
    """The group of each column: `region[y,x]`, or a name such as `dct, luma, high frequencies`."""
    return [_group(column, side) for column in find_feature_set(features).columns(side)]


def _group(column: str, side: int) -> str:
    found = NAME.fullmatch(column)
    if not found:
        raise ValueError(f"{column!r} is no column's name")
    kind, plane, where = found[1], found[2], [int(n) for n in found[3].split(",")]
    if kind == "pixels":
        cells = min(CELLS, side)
        y, x = (place * cells // side for place in where)
        return f"region[{y},{x}]"
    shown = f"{kind}, {plane.replace('.', ' ')}"
    if kind == "residual":
        return shown
    share = where[0] / (side // 2) if kind == "spectrum" else sum(where) / BLOCK_SUM
    return f"{shown}, {BANDS[min(int(share * len(BANDS)), len(BANDS) - 1)]} frequencies"


def group_moves(moves: np.ndarray, groups: list[str]) -> dict[str, float]:
    """The moves (rows, features), mean over rows, added up by group, in the columns' order."""
    names = list(dict.fromkeys(groups))
    number = {name: i for i, name in enumerate(names)}
    sums = np.bincount([number[name] for name in groups], weights=moves.mean(axis=0))
    return dict(zip(names, sums.tolist(), strict=True))

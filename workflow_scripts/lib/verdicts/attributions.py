"""What in the crops moved a score, in groups of columns that people can tell apart.

`ArrayModel.contributions` says by how much each column moved the score. A single column means
little to people, so columns are shown in groups: squares of the crop for pixels, thirds of the
frequency range for the other feature sets.
"""

from __future__ import annotations

import re

import numpy as np

from workflow_scripts.lib.features import find_feature_set
from workflow_scripts.lib.features._blocks import SIZE

__all__ = ["CELLS", "column_groups", "group_moves"]

CELLS = 16  # squares across a crop
BANDS = ("low", "middle", "high")
BLOCK_SUM = 2 * (SIZE - 1)  # of a block's two highest frequencies
NAME = re.compile(r"(\w+)\.([^\[]+)\[([-\d,]+)\]")


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

"""What in the crops contributed to a score, by groups of columns that people can tell apart.

`ArrayModel.contributions` gives each column's contribution to the score. A single column means
little to people, so columns are grouped: squares of the crop for pixels, thirds of the frequency
range for the other feature sets.
"""

from __future__ import annotations

import re

import numpy as np

from workflow_scripts.lib.features import find_feature_set
from workflow_scripts.lib.features._blocks import SIZE

__all__ = ["CELLS", "column_groups", "group_contributions"]

CELLS = 16  # squares across a crop
BANDS = ("low", "middle", "high")
BLOCK_SUM = 2 * (SIZE - 1)  # of a block's two highest frequencies
NAME = re.compile(r"(\w+)\.([^\[]+)\[([-\d,]+)\]")


def column_groups(features: str, side: int) -> list[str]:
    """The group of each column: `region[y,x]`, or a name such as `dct, luma, high frequencies`."""
    return [_group(column, side) for column in find_feature_set(features).columns(side)]


def _group(column: str, side: int) -> str:
    match = NAME.fullmatch(column)
    if not match:
        raise ValueError(f"{column!r} is not the name of a column")
    kind, plane, indices = match[1], match[2], [int(n) for n in match[3].split(",")]
    if kind == "pixels":
        cells = min(CELLS, side)
        y, x = (index * cells // side for index in indices)
        return f"region[{y},{x}]"
    name = f"{kind}, {plane.replace('.', ' ')}"
    if kind == "residual":
        return name
    share = indices[0] / (side // 2) if kind == "spectrum" else sum(indices) / BLOCK_SUM
    return f"{name}, {BANDS[min(int(share * len(BANDS)), len(BANDS) - 1)]} frequencies"


def group_contributions(contributions: np.ndarray, groups: list[str]) -> dict[str, float]:
    """The sum of each group's contributions (rows, features), mean over rows, in column order."""
    names = list(dict.fromkeys(groups))
    number = {name: i for i, name in enumerate(names)}
    sums = np.bincount([number[name] for name in groups], weights=contributions.mean(axis=0))
    return dict(zip(names, sums.tolist(), strict=True))

"""Attribution of a score to groups of columns that people can interpret.

`ArrayModel.contributions` gives each column's contribution to the score. Columns are grouped by
squares of the crop for pixels, and by thirds of the frequency range for the other feature sets.
"""

import numpy as np

from workflow_scripts.lib.features import find_feature_set
from workflow_scripts.lib.features._blocks import SIZE

CELLS = 16  # squares across a crop
BANDS = ("low", "middle", "high")
MAX_BLOCK_FREQUENCY = 2 * (SIZE - 1)  # vertical + horizontal


def column_groups(features: str, side: int) -> list[str]:
    """The group of each column: `region[y,x]`, or a name such as `dct, luma, high frequencies`."""
    return [_group(column, side) for column in find_feature_set(features).columns(side)]


def _group(column: str, side: int) -> str:
    """The group of a column FEATURES.PLANE[INDICES] of crops of `side` pixels."""
    name, _, brackets = column.rstrip("]").partition("[")
    features, _, plane = name.partition(".")
    indices = [int(index) for index in brackets.split(",")]
    if features == "pixels":
        cells = min(CELLS, side)
        y, x = (index * cells // side for index in indices)
        return f"region[{y},{x}]"
    group = f"{features}, {plane.replace('.', ' ')}"
    if features == "residual":
        return group
    highest = side // 2 if features == "spectrum" else MAX_BLOCK_FREQUENCY
    band = min(int(sum(indices) / highest * len(BANDS)), len(BANDS) - 1)
    return f"{group}, {BANDS[band]} frequencies"


def group_contributions(contributions: np.ndarray, groups: list[str]) -> dict[str, float]:
    """Sum the contributions (rows, columns) of each group, mean over rows, in column order."""
    sums = dict.fromkeys(groups, 0.0)
    for group, contribution in zip(groups, contributions.mean(axis=0).tolist(), strict=True):
        sums[group] += contribution
    return sums

"""Groups of columns: each column has one, and sums are kept."""

import numpy as np
import pytest

from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.verdicts.attributions import CELLS, column_groups, group_contributions


@pytest.mark.parametrize("features", [*FEATURE_SETS, "pixels+dct"])
@pytest.mark.parametrize("side", [32, 64])
def test_every_column_has_a_group_and_sums_are_kept(features, side):
    groups = column_groups(features, side)
    contributions = np.random.default_rng(0).normal(size=(3, len(groups)))
    summed = group_contributions(contributions, groups)
    assert set(summed) == set(groups)
    assert sum(summed.values()) == pytest.approx(contributions.mean(axis=0).sum())


def test_regions_are_squares_of_equal_size():
    groups = np.array(column_groups("pixels", 64)).reshape(64, 64, 3)
    step = 64 // CELLS
    assert (groups[:step, :step] == "region[0,0]").all()
    assert (groups[-step:, :step] == f"region[{CELLS - 1},0]").all()


def test_frequencies_are_cut_into_thirds():
    groups = column_groups("spectrum+dct", 320)
    assert groups[0] == "spectrum, luma, low frequencies"
    assert groups[159] == "spectrum, luma, high frequencies"
    assert groups[-1] == "dct, red, high frequencies"
    thirds = [group.split()[-2] for group in groups if group.startswith("dct, luma")]
    assert [thirds.count(third) for third in ("low", "middle", "high")] == [54, 135, 66]

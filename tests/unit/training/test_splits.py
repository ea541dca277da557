"""Splits: units stay whole, strata keep their proportions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.training.splits import (
    TEST,
    TRAIN,
    assign_folds,
    find_leak,
    split_train_test,
)

rows = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["real", "fake a", "fake b"])), min_size=2
)


@given(rows, st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_units_stay_whole_and_neither_side_is_empty(table, share, seed):
    units = np.array([unit for unit, _ in table])
    strata = np.array([stratum for _, stratum in table])
    if len(np.unique(units)) < 2:
        with pytest.raises(UserError, match="at least two"):
            split_train_test(units, strata, share, seed)
        return
    parts = split_train_test(units, strata, share, seed)
    assert set(parts) == {TRAIN, TEST}
    for unit in np.unique(units):
        assert len(set(parts[units == unit])) == 1
    assert find_leak(parts, units, units).groups == 0
    assert (split_train_test(units, strata, share, seed) == parts).all()


@given(st.integers(10, 60), st.integers(0, 1000), st.sampled_from([0.2, 0.25, 0.5]))
@settings(max_examples=50)
def test_strata_keep_their_proportions(n_groups, seed, share):
    # as in FaceForensics++: each pair of people gives 14 real and 14 fake crops
    units = np.repeat(np.arange(n_groups), 28)
    strata = np.tile(np.repeat(["real", "fake"], 14), n_groups)
    parts = split_train_test(units, strata, share, seed)
    for stratum in ("real", "fake"):
        test_groups = (parts[strata == stratum] == TEST).sum() / 14
        assert abs(test_groups - share * n_groups) <= 1


def test_seeds_differ():
    units = np.arange(100)
    strata = np.repeat(["real", "fake"], 50)
    assert (
        split_train_test(units, strata, 0.2, 1) != split_train_test(units, strata, 0.2, 2)
    ).any()


def test_one_large_unit_does_not_leave_a_side_empty():
    units = np.array([0] * 50 + [1])
    parts = split_train_test(units, np.array(["real"] * 51), 0.2, 0)
    assert set(parts) == {TRAIN, TEST}


def test_finds_the_leak_of_a_frame_split():
    parts = np.array([TRAIN, TEST, TRAIN, TEST, "validation"])
    videos = np.array(["a", "a", "b", "c", "c"])
    groups = np.array(["g", "g", "h", "h", "h"])
    leak = find_leak(parts, videos, groups)
    assert (leak.videos, leak.groups, leak.word) == (1, 2, "video")
    assert find_leak(parts[2:4], videos[2:4], groups[2:4]).word == "person"
    assert find_leak(parts[:1], videos[:1], groups[:1]).word == "no"


def test_unknown_people_do_not_prove_that_a_split_is_honest():
    parts, videos = np.array([TRAIN, TEST]), np.array(["a", "b"])
    assert find_leak(parts, videos, np.array(["video:a", "video:b"])).word == "unknown"
    assert find_leak(parts, videos, np.array([":p1", "video:b"])).word == "unknown"
    assert find_leak(parts, videos, np.array([":p1", ":p2"])).word == "no"


@given(rows, st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_units_stay_whole_in_folds(table, folds, seed):
    units = np.array([unit for unit, _ in table])
    strata = np.array([stratum for _, stratum in table])
    fold = assign_folds(units, strata, folds, seed)
    assert set(fold) <= set(range(folds))
    for unit in np.unique(units):
        assert len(set(fold[units == unit])) == 1
    assert len(set(fold)) == min(folds, len(np.unique(units)))
    assert (assign_folds(units, strata, folds, seed) == fold).all()


@given(st.integers(20, 80), st.integers(2, 5), st.integers(0, 1000))
def test_folds_of_equal_units_are_balanced(n_units, folds, seed):
    units = np.repeat(np.arange(n_units), 2)
    strata = np.tile(["real", "fake"], n_units)
    fold = assign_folds(units, strata, folds, seed)
    for stratum in ("real", "fake"):
        counts = np.bincount(fold[strata == stratum], minlength=folds)
        assert counts.max() - counts.min() <= 1

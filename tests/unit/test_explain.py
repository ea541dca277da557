"""Contributions: they add up to the score, whatever the forest, and so do their groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_scripts.lib.explain import CELLS, column_groups, contributions, group_moves
from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.models import MODELS, fake_scores, make_model

FORESTS = [name for name, model in MODELS.items() if model.made_of_trees]


@pytest.mark.parametrize("name", FORESTS)
@given(seed=st.integers(0, 50), depth=st.sampled_from([1, 3, None]))
@settings(max_examples=10, deadline=None)
def test_bias_and_moves_add_up_to_the_score(name, seed, depth):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 256, (40, 12), np.uint8)
    labels = (matrix[:, 2].astype(int) + matrix[:, 5] > 256).astype(int)
    params = {"max_depth": depth, "class_weight": "balanced"}
    if "n_estimators" in MODELS[name].parameters:
        params["n_estimators"] = 5
    model = make_model(name, params, seed, 1).fit(matrix, labels)
    asked = rng.integers(0, 256, (7, 12), np.uint8)
    bias, moves = contributions(model, asked)
    assert moves.shape == asked.shape
    assert bias + moves.sum(axis=1) == pytest.approx(fake_scores(model, asked), abs=1e-12)
    assert contributions(model, asked[3:4])[1][0] == pytest.approx(moves[3], abs=1e-15)


def test_only_the_column_that_decides_moves_the_score():
    matrix = np.random.default_rng(0).normal(size=(50, 4))
    model = make_model("decision_tree", {}, 0, 1).fit(matrix, (matrix[:, 1] > 0).astype(int))
    _, moves = contributions(model, matrix)
    assert (moves[:, [0, 2, 3]] == 0).all()
    assert (np.sign(moves[:, 1]) == np.sign(matrix[:, 1])).all()


def test_a_model_without_trees_gives_none():
    matrix = np.random.default_rng(0).normal(size=(20, 3))
    labels = np.arange(20) % 2
    model = make_model("logistic_regression", {}, 0, 1).fit(matrix, labels)
    assert contributions(model, matrix) is None


@pytest.mark.parametrize("features", [*FEATURE_SETS, "pixels+dct"])
@pytest.mark.parametrize("side", [32, 64])
def test_every_column_has_a_group_and_sums_are_kept(features, side):
    groups = column_groups(features, side)
    moves = np.random.default_rng(0).normal(size=(3, len(groups)))
    summed = group_moves(moves, groups)
    assert set(summed) == set(groups)
    assert sum(summed.values()) == pytest.approx(moves.mean(axis=0).sum())


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

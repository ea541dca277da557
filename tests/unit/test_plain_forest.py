"""The plain form of a forest: the same scores bit for bit, and moves that add up to them."""

import io
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_scripts.lib.models import MODELS, fake_scores, make_model
from workflow_scripts.lib.plain_forest import KINDS, PlainForest, plain_forest, read_forest

FORESTS = [name for name, model in MODELS.items() if model.made_of_trees]


def fitted(name, seed=0, rows=40, **params):
    """A forest on bytes, or for those that take them on decimals, and a matrix of its kind."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 256, (rows, 12), np.uint8)
    labels = (matrix[:, 2].astype(int) + matrix[:, 5] > 256).astype(int)
    if not MODELS[name].only_bytes:
        matrix = (matrix / 255 + rng.normal(0, 1e-6, matrix.shape)).astype(np.float32)
    if "n_estimators" in MODELS[name].parameters:
        params.setdefault("n_estimators", 20)
    return make_model(name, params, seed, 1).fit(matrix, labels), matrix


@pytest.mark.parametrize("name", FORESTS)
@given(
    seed=st.integers(0, 50),
    depth=st.sampled_from([1, 3, None]),
    weight=st.sampled_from([None, "balanced"]),
    rows=st.sampled_from([1, 2, 7, 40]),
)
@settings(max_examples=15, deadline=None)
def test_scores_are_the_same_bit_for_bit_and_moves_add_up_to_them(name, seed, depth, weight, rows):
    model, matrix = fitted(name, seed, max_depth=depth, class_weight=weight)
    asked = matrix[::-1][:rows]
    plain = plain_forest(model)
    scores = fake_scores(plain, asked)
    assert (scores == fake_scores(model, asked)).all()
    bias, moves = plain.contributions(asked)
    assert moves.shape == asked.shape
    assert bias + moves.sum(axis=1) == pytest.approx(scores, abs=1e-12)
    assert (plain.contributions(asked[-1:])[1][0] == moves[-1]).all()


@pytest.mark.parametrize("name", ["random_forest", "extra_trees"])
def test_trees_that_grew_best_first_too(name):
    model, matrix = fitted(name, max_leaf_nodes=7)
    assert (fake_scores(plain_forest(model), matrix) == fake_scores(model, matrix)).all()


def test_only_the_column_that_decides_moves_the_score():
    matrix = np.random.default_rng(0).normal(size=(50, 4))
    model = make_model("decision_tree", {}, 0, 1).fit(matrix, (matrix[:, 1] > 0).astype(int))
    _, moves = plain_forest(model).contributions(matrix)
    assert (moves[:, [0, 2, 3]] == 0).all()
    assert (np.sign(moves[:, 1]) == np.sign(matrix[:, 1])).all()


@pytest.mark.parametrize("name", FORESTS)
def test_the_file_gives_the_same_forest_and_the_same_bytes(name):
    plain = plain_forest(fitted(name)[0])
    read = read_forest(plain.to_bytes())
    assert read.columns == plain.columns
    assert all((getattr(read, name) == getattr(plain, name)).all() for name in KINDS)
    assert read.to_bytes() == plain.to_bytes()


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("left", 0, 10**6),
        ("left", 0, -1),
        ("right", 0, 0),
        ("right", -1, 3),
        ("feature", 0, 12),
        ("feature", 0, -1),
        ("roots", 0, 1),
        ("roots", -1, 10**6),
        ("share", 0, np.nan),
        ("share", 0, 2.0),
    ],
)
def test_trees_that_lead_nowhere_are_refused(name, place, value):
    plain = plain_forest(fitted("random_forest")[0])
    arrays = {name: getattr(plain, name).copy() for name in KINDS}
    arrays[name][place] = value
    with pytest.raises(ValueError, match=r"tree|node"):
        read_forest(PlainForest(plain.columns, **arrays).to_bytes())


def test_arrays_of_another_kind_or_number_are_refused():
    plain = plain_forest(fitted("random_forest")[0])
    arrays = {name: getattr(plain, name) for name in KINDS}
    for name in KINDS:
        for wrong in (arrays[name].astype("complex128"), arrays[name][:, None], arrays[name][:0]):
            changed = PlainForest(plain.columns, **{**arrays, name: wrong})
            with pytest.raises(ValueError, match=rf"{name}|of one row|cover"):
                read_forest(changed.to_bytes())
    out = io.BytesIO()
    np.savez(out, columns=np.array(12), **{**arrays, "more": np.array(1)})
    with pytest.raises(ValueError, match="does not hold the arrays"):
        read_forest(out.getvalue())


def test_an_array_that_claims_to_be_huge_is_refused():
    content = plain_forest(fitted("random_forest")[0]).to_bytes()
    shape = re.search(rb"'shape': \(\d+,\), }( +)", content)
    claimed = b"'shape': (999999999999,), }"
    huge = content.replace(shape[0], claimed.ljust(len(shape[0])), 1)
    assert len(huge) == len(content)
    with pytest.raises((ValueError, EOFError, MemoryError, zipfile.BadZipFile)):
        read_forest(huge)

"""Array models: the trained model's scores, and contributions that add up to them."""

import io
import re
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_scripts.lib.training.array_models import FORMS, ArrayForest, ArrayLinear, forest
from workflow_scripts.lib.training.model_files import fake_scores
from workflow_scripts.lib.training.registry import MODELS, make_model

FORESTS = [name for name, model in MODELS.items() if model.form == "forest"]
LINEAR = [name for name, model in MODELS.items() if model.form == "linear"]
DTYPES = ArrayForest.DTYPES


def fitted(name, seed=0, rows=40, **params):
    """A model on bytes, or for those that take them on decimals, and a matrix of its kind."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 256, (rows, 12), np.uint8)
    labels = (matrix[:, 2].astype(int) + matrix[:, 5] > 256).astype(int)
    if not MODELS[name].only_bytes:
        matrix = (matrix / 255 + rng.normal(0, 1e-6, matrix.shape)).astype(np.float32)
    if "n_estimators" in MODELS[name].parameters:
        params.setdefault("n_estimators", 20)
    return make_model(name, params, seed, 1).fit(matrix, labels), matrix


def written(model):
    """The bytes of a model's file."""
    out = io.BytesIO()
    model.write(out)
    return out.getvalue()


def read(form, content):
    """The model of a file's bytes."""
    return form.read(io.BytesIO(content))


@pytest.mark.parametrize("name", FORESTS)
@given(
    seed=st.integers(0, 50),
    depth=st.sampled_from([1, 3, None]),
    weight=st.sampled_from([None, "balanced"]),
    rows=st.sampled_from([1, 2, 7, 40]),
)
@settings(max_examples=15, deadline=None)
def test_scores_are_the_same_bit_for_bit_and_contributions_add_up_to_them(
    name, seed, depth, weight, rows
):
    model, matrix = fitted(name, seed, max_depth=depth, class_weight=weight)
    scored = matrix[::-1][:rows]
    stored = ArrayForest.from_estimator(model)
    scores = stored.scores(scored)
    assert (scores == fake_scores(model, scored)).all()
    base_value, contributions = stored.contributions(scored)
    assert contributions.shape == scored.shape
    assert base_value + contributions.sum(axis=1) == pytest.approx(scores, abs=1e-12)
    assert (stored.contributions(scored[-1:])[1][0] == contributions[-1]).all()


@pytest.mark.parametrize("name", ["random_forest", "extra_trees"])
def test_scores_of_trees_grown_best_first_are_the_same(name):
    model, matrix = fitted(name, max_leaf_nodes=7)
    assert (ArrayForest.from_estimator(model).scores(matrix) == fake_scores(model, matrix)).all()


@pytest.mark.parametrize("name", ["pixel_forest", "random_forest"])
def test_block_sizes_do_not_change_scores(name, monkeypatch):
    model, matrix = fitted(name)
    monkeypatch.setattr(forest, "BLOCK_ROWS", 7)
    monkeypatch.setattr(forest, "BLOCK_PAIRS", 20)
    assert (ArrayForest.from_estimator(model).scores(matrix) == fake_scores(model, matrix)).all()


def test_scoring_bytes_copies_no_matrix():
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 256, (1000, 20_000), np.uint8)
    few = matrix[:, :12]
    trees = ArrayForest.from_estimator(
        make_model("pixel_forest", {}, 0, 1).fit(few, few[:, 0] // 128)
    )
    importances = np.zeros(matrix.shape[1])
    wide = replace(trees, columns=len(importances), importances=importances)
    tracemalloc.start()
    scores = wide.scores(matrix)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < matrix.nbytes / 2
    assert (scores == trees.scores(few)).all()


@pytest.mark.parametrize("name", ["random_forest", "linear_svm"])
def test_a_matrix_with_other_columns_is_refused(name):
    model, matrix = fitted(name)
    stored = FORMS[MODELS[name].form].from_estimator(model)
    for wrong in (matrix[:, 1:], np.hstack([matrix, matrix]), matrix[0]):
        for method in (stored.scores, stored.contributions):
            with pytest.raises(ValueError, match=r"the matrix has shape .*, the model 12 columns"):
                method(wrong)


@pytest.mark.parametrize("name", FORESTS)
def test_feature_importances_are_stored(name):
    model, _ = fitted(name)
    stored = read(ArrayForest, written(ArrayForest.from_estimator(model)))
    assert (stored.importances == model.feature_importances_).all()


def test_only_the_column_that_decides_contributes():
    matrix = np.random.default_rng(0).normal(size=(50, 4))
    model = make_model("decision_tree", {}, 0, 1).fit(matrix, (matrix[:, 1] > 0).astype(int))
    _, contributions = ArrayForest.from_estimator(model).contributions(matrix)
    assert (contributions[:, [0, 2, 3]] == 0).all()
    assert (np.sign(contributions[:, 1]) == np.sign(matrix[:, 1])).all()


@pytest.mark.parametrize("name", LINEAR)
@given(
    seed=st.integers(0, 50),
    strength=st.sampled_from([1e-9, 0.1, 100.0]),
    kind=st.sampled_from([np.uint8, np.float32, np.float64]),
    rows=st.sampled_from([1, 2, 40]),
)
@settings(max_examples=30, deadline=None)
def test_linear_scores_are_the_same_and_contributions_add_up_to_them(
    name, seed, strength, kind, rows
):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 256, (60, 12)).astype(kind)
    matrix[:, 3] = 7  # a constant column
    labels = (matrix[:, 2].astype(int) + matrix[:, 5] > 256).astype(int)
    matrix[:, 8:] = matrix[:, :1] // 2 + matrix[:, 8:] // 128  # collinear: large weights
    params = {"C": strength} if "C" in MODELS[name].parameters else {}
    model = make_model(name, params, seed, 1).fit(matrix, labels)
    stored = read(ArrayLinear, written(ArrayLinear.from_estimator(model)))
    scored = matrix[:rows]
    scores = stored.scores(scored)
    # sums are exact up to a fraction of their terms; for float32, scikit-learn sums in float32
    sizes = (np.abs(stored._standardise(scored) * stored.weight).sum(axis=1) + 1).max() * len(
        stored.weight
    )
    here = sizes * np.finfo(np.float64).eps
    there = sizes * np.finfo(np.float32).eps if kind == np.float32 else here
    assert scores == pytest.approx(fake_scores(model, scored), abs=there)
    base_value, contributions = stored.contributions(scored)
    assert contributions.shape == scored.shape
    assert base_value + contributions.sum(axis=1) == pytest.approx(scores, abs=here)
    assert (contributions[:, 3] == 0).all()
    assert stored.contributions(scored[-1:])[1][0] == pytest.approx(contributions[-1], abs=here)


def test_contributions_are_integrated_along_the_line_from_the_mean():
    stored = ArrayLinear(
        2, np.array([1.0, 5.0]), np.ones(2), np.array([2.0, -1.0]), np.array([0.5])
    )
    row = np.array([[2.0, 4.0]])
    steps = (np.arange(100_000) + 0.5) / 100_000
    score = stored.scores(stored.mean + steps[:, None] * (row - stored.mean))
    slopes = score * (1 - score)
    _, contributions = stored.contributions(row)
    assert contributions[0] == pytest.approx([2.0 * slopes.mean(), 1.0 * slopes.mean()], abs=1e-9)


@pytest.mark.parametrize("name", [*FORESTS, *LINEAR])
def test_the_file_gives_the_same_model_and_the_same_bytes(name):
    form = FORMS[MODELS[name].form]
    stored = form.from_estimator(fitted(name)[0])
    again = read(form, written(stored))
    assert again.columns == stored.columns
    assert all((getattr(again, name) == getattr(stored, name)).all() for name in form.DTYPES)
    assert written(again) == written(stored)


def test_every_model_has_a_form_that_exists_or_none():
    assert {model.form for model in MODELS.values()} == {"", *FORMS}


@pytest.mark.parametrize("name", ArrayLinear.DTYPES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -1e300, 1e19])
def test_numbers_that_give_no_score_are_refused(name, value):
    stored = ArrayLinear.from_estimator(fitted("logistic_regression")[0])
    arrays = {name: getattr(stored, name).copy() for name in ArrayLinear.DTYPES}
    arrays[name][-1] = value
    with pytest.raises(ValueError, match=f"{name} contains values that no trained model has"):
        read(ArrayLinear, written(ArrayLinear(stored.columns, **arrays)))


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-19])
def test_a_column_without_a_scale_is_refused(value):
    stored = ArrayLinear.from_estimator(fitted("lda")[0])
    arrays = {name: getattr(stored, name).copy() for name in ArrayLinear.DTYPES}
    arrays["scale"][2] = value
    with pytest.raises(ValueError, match="scale of a column is not positive"):
        read(ArrayLinear, written(ArrayLinear(stored.columns, **arrays)))


def test_the_largest_valid_numbers_give_scores():
    large = np.full(3, 0.99e18)
    stored = ArrayLinear(3, large, 1.01 / large, np.array([1, -1, 1]) * large, large[:1])
    stored.check()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for kind in (np.uint8, np.float32):
            assert np.isfinite(stored.scores(np.full((2, 3), 255, kind))).all()
            assert np.isfinite(stored.contributions(np.full((2, 3), 255, kind))[1]).all()


@pytest.mark.parametrize(
    ("name", "position", "value"),
    [
        ("left", 0, 10**6),
        ("left", 0, -1),
        ("right", 0, 0),
        ("right", -1, 3),
        ("feature", 0, 12),
        ("feature", 0, -1),
        ("roots", 0, 1),
        ("roots", -1, 10**6),
        ("importances", 0, np.nan),
        ("share", 0, np.nan),
        ("share", 0, 2.0),
    ],
)
def test_invalid_trees_are_refused(name, position, value):
    stored = ArrayForest.from_estimator(fitted("random_forest")[0])
    arrays = {name: getattr(stored, name).copy() for name in DTYPES}
    arrays[name][position] = value
    with pytest.raises(ValueError, match=r"tree|node|column"):
        read(ArrayForest, written(ArrayForest(stored.columns, **arrays)))


@pytest.mark.parametrize("name", ["random_forest", "linear_svm"])
def test_arrays_of_wrong_type_or_length_are_refused(name):
    form = FORMS[MODELS[name].form]
    stored = form.from_estimator(fitted(name)[0])
    arrays = {name: getattr(stored, name) for name in form.DTYPES}
    for name in arrays:
        for wrong in (arrays[name].astype("complex128"), arrays[name][:, None], arrays[name][:0]):
            changed = form(stored.columns, **{**arrays, name: wrong})
            with pytest.raises(ValueError, match=rf"{name}|of length|cover"):
                read(form, written(changed))
    out = io.BytesIO()
    np.savez(out, columns=np.array(12), **{**arrays, "more": np.array(1)})
    with pytest.raises(ValueError, match="does not contain the arrays"):
        read(form, out.getvalue())


def test_an_array_that_claims_to_be_huge_is_refused():
    content = written(ArrayForest.from_estimator(fitted("random_forest")[0]))
    shape = re.search(rb"'shape': \(\d+,\), }( +)", content)
    claimed = b"'shape': (999999999999,), }"
    huge = content.replace(shape[0], claimed.ljust(len(shape[0])), 1)
    assert len(huge) == len(content)
    with pytest.raises((ValueError, EOFError, MemoryError, zipfile.BadZipFile)):
        read(ArrayForest, huge)

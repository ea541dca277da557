"""The pixel forest: scikit-learn's results, and the same bytes with any number of threads."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core import caching
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from workflow_scripts.lib.training.pixel_forest import growth
from workflow_scripts.lib.training.pixel_forest.classifier import (
    PixelForestClassifier,
    load_columns,
)


class Rounding(PixelForestClassifier):
    """Rounds any numbers to bytes: scikit-learn's checks come with small fractions."""

    def _as_bytes(self, X):
        return np.clip(np.round(X.astype(float) * 16) + 128, 0, 255).astype(np.uint8)


# Checks on whole numbers from 0 to 255, or on none, pass for the forest itself.
ONLY_BYTES = "the check's numbers are not bytes, so the forest refuses them"
NOT_BYTES = (
    "check_fit_score_takes_y",
    "check_estimators_overwrite_params",
    "check_dont_overwrite_parameters",
    "check_estimators_fit_returns_self",
    "check_readonly_memmap_input",
    "check_n_features_in_after_fitting",
    "check_positive_only_tag_during_fit",
    "check_estimators_dtypes",
    "check_sample_weights_list",
    "check_all_zero_sample_weights_error",
    "check_sample_weight_equivalence_on_dense_data",
    "check_dtype_object",
    "check_pipeline_consistency",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_classifiers_one_label",
    "check_classifiers_one_label_sample_weights",
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_supervised_y_2d",
    "check_class_weight_classifiers",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_fit2d_1sample",
    "check_fit2d_1feature",
    "check_dict_unchanged",
    "check_fit_idempotent",
    "check_fit_check_is_fitted",
    "check_n_features_in",
    "check_fit2d_predict1d",
)
BY_CHANCE = {
    "check_sample_weight_equivalence_on_dense_data": "a bag of weighted rows is not one of "
    "repeated rows, as in scikit-learn's own forest",
    "check_class_weight_classifiers": "its weights of 1 to 10**7 ask for min_weight_fraction_leaf, "
    "which the forest does not have",
}


@parametrize_with_checks(
    [PixelForestClassifier(n_estimators=5)],
    expected_failed_checks=lambda estimator: dict.fromkeys(NOT_BYTES, ONLY_BYTES),
)
def test_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [Rounding(n_estimators=30)], expected_failed_checks=lambda estimator: BY_CHANCE
)
def test_contract_of_all_numbers(estimator, check):
    check(estimator)


def faces(n=240, columns=300, seed=0, groups=24):
    """Rows of smooth correlated bytes, in groups, with a weak signal: X, y, groups."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) * groups // n
    y = np.arange(n) % 2
    shapes = np.cumsum(rng.normal(size=(12, columns)), axis=1) / 6
    mix = rng.normal(size=(groups, 12))[group] * 6 + rng.normal(size=(n, 12)) * 4
    mix[:, :3] += 4 * y[:, None]
    return (
        np.clip(120 + mix @ shapes + rng.normal(0, 5, (n, columns)), 0, 255).astype(np.uint8),
        y,
        group,
    )


def same(one, other):
    return all(
        np.array_equal(getattr(one.trees_, name), getattr(other.trees_, name))
        for name in one.trees_._fields
    )


@st.composite
def problems(draw):
    """Small byte matrices with classes and weights."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, columns = draw(st.integers(2, 300)), draw(st.integers(1, 8))
    top = draw(st.sampled_from([1, 3, 20, 255]))
    classes = draw(st.integers(2, 4))
    X = rng.integers(0, top + 1, (n, columns)).astype(np.uint8)
    weights = rng.integers(1, 5, n) / 2 if draw(st.booleans()) else None
    return X, rng.integers(0, classes, n), weights


def unique_best(X, y, weights, criterion, min_leaf):
    """The best (column, threshold) of all splits, or None if there is none or a tie."""
    weights = np.ones(len(y)) if weights is None else weights
    one_hot = np.eye(y.max() + 1)[y] * weights[:, None]
    whole = one_hot.sum(axis=0)

    def impurity(counts):
        share = counts / counts.sum()
        share = share[share > 0]
        bad = 1 - (share**2).sum() if criterion == "gini" else -(share * np.log2(share)).sum()
        return counts.sum() * bad

    found = []
    for column in range(X.shape[1]):
        values = np.unique(X[:, column])
        for low, high in itertools.pairwise(values):
            left = X[:, column] <= low
            if min(left.sum(), (~left).sum()) >= min_leaf:
                counts = one_hot[left].sum(axis=0)
                cost = impurity(counts) + impurity(whole - counts)
                found.append((cost, column, (int(low) + int(high)) // 2))
    found.sort()
    if not found or (len(found) > 1 and found[1][0] - found[0][0] < 1e-9 * whole.sum()):
        return None
    return found[0][1:]


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from(["gini", "entropy"]), st.integers(1, 3))
def test_every_split_of_a_tree_is_the_best_if_it_is_unique(problem, criterion, min_leaf):
    X, y, weights = problem
    rules = {"criterion": criterion, "min_samples_leaf": min_leaf, "max_features": None}
    forest = PixelForestClassifier(1, bootstrap=False, random_state=0, **rules)
    forest.fit(X, y, weights)
    tree = forest.trees_
    rows = {0: np.arange(len(y))}
    codes = np.unique(y, return_inverse=True)[1]
    for node in range(len(tree.feature)):
        inside = rows.pop(node)
        if not tree.left[node]:
            continue
        best = unique_best(
            X[inside],
            codes[inside],
            None if weights is None else weights[inside],
            criterion,
            min_leaf,
        )
        if best is not None:
            assert best == (tree.feature[node], tree.threshold[node])
        right = X[inside, tree.feature[node]] > tree.threshold[node]
        rows[tree.left[node]], rows[tree.left[node] + 1] = inside[~right], inside[right]
        assert min(right.sum(), (~right).sum()) >= min_leaf


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from(["gini", "entropy"]))
def test_a_whole_tree_is_scikit_learns(problem, criterion):
    """One column has no ties between columns, so all of an unrestricted tree must agree."""
    X, y, weights = problem
    X = X[:, :1]
    ours = PixelForestClassifier(1, criterion=criterion, bootstrap=False, max_features=None)
    theirs = DecisionTreeClassifier(criterion=criterion, random_state=0)
    every = np.arange(256, dtype=np.uint8)[:, None]
    ours.fit(X, y, weights)
    theirs.fit(X, y, weights)
    # fully grown: each value of the training data is a leaf, or falls into a pure one
    trained = np.unique(X)[:, None]
    assert np.allclose(ours.predict_proba(trained), theirs.predict_proba(trained))
    assert ours.predict_proba(every).shape == (256, len(np.unique(y)))


def unique_problem(n=300, columns=6, seed=0):
    """Different weights make ties between splits practically impossible. Their sums are exact;
    otherwise scikit-learn takes a pure node for an impure one and splits it."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(1000, 4000, n) / 2048
    X = rng.integers(0, 256, (n, columns), dtype=np.uint8)
    return X, (X[:, 0] / 2 + X[:, 1] + rng.normal(0, 40, n) > 190).astype(int), weights


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_structure_is_scikit_learns_while_splits_are_unique(criterion):
    X, y, weights = unique_problem()
    rules = {"criterion": criterion, "max_depth": 4, "min_samples_leaf": 15, "max_features": None}
    ours = PixelForestClassifier(1, bootstrap=False, **rules).fit(X, y, weights)
    theirs = DecisionTreeClassifier(random_state=0, **rules).fit(X, y, weights).tree_
    inner = ours.trees_.left > 0
    splits = sorted(
        zip(ours.trees_.feature[inner], ours.trees_.threshold[inner].tolist(), strict=True)
    )
    theirs_inner = theirs.children_left >= 0
    assert splits == sorted(
        zip(
            theirs.feature[theirs_inner],
            np.floor(theirs.threshold[theirs_inner]).astype(int).tolist(),
            strict=True,
        )
    )


def binarised():
    X, y = load_digits(return_X_y=True)
    return (X > 7).astype(np.uint8), (y % 2).astype(int)


def digits():
    X, y = load_digits(return_X_y=True)
    return X.astype(np.uint8), (y >= 5).astype(int)


@pytest.mark.parametrize("make", [digits, binarised, lambda: faces(600)[:2]])
@pytest.mark.parametrize("extra", [False, True])
def test_auc_is_scikit_learns_within_the_spread_of_seeds(make, extra):
    X, y = make()
    test = np.random.default_rng(0).random(len(y)) < 0.5
    peer = ExtraTreesClassifier if extra else RandomForestClassifier
    aucs = {}
    for name, forest in (("ours", PixelForestClassifier), ("theirs", peer)):
        more = {"extra_trees": extra} if name == "ours" else {"bootstrap": True}
        aucs[name] = [
            roc_auc_score(
                y[test],
                forest(30, random_state=seed, **more)
                .fit(X[~test], y[~test])
                .predict_proba(X[test])[:, 1],
            )
            for seed in range(8)
        ]
    spread = np.hypot(np.std(aucs["ours"]), np.std(aucs["theirs"]))
    assert abs(np.mean(aucs["ours"]) - np.mean(aucs["theirs"])) < 2.5 * spread


def test_importances_are_scikit_learns():
    X, y = digits()
    ours = PixelForestClassifier(200, random_state=0).fit(X, y).feature_importances_
    theirs = RandomForestClassifier(200, random_state=0).fit(X, y).feature_importances_
    assert ours.sum() == pytest.approx(1)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


@pytest.mark.parametrize("classes", [2, 3])
def test_a_forests_first_trees_are_the_smaller_forest(classes):
    X, y, _ = faces()
    y = np.arange(len(y)) % classes
    large = PixelForestClassifier(30, random_state=3, oob_score=True).fit(X, y)
    staged, out = large.staged_predict_proba(X, [10, 30]), large.staged_oob_proba([10, 30])
    for at, size in enumerate((10, 30)):
        small = PixelForestClassifier(size, random_state=3, oob_score=True).fit(X, y)
        assert np.array_equal(staged[at], small.predict_proba(X))
        assert np.array_equal(out[at], small.oob_decision_function_, equal_nan=True)


@pytest.mark.parametrize("extra", [False, True])
def test_the_forest_does_not_depend_on_threads_blocks_passes_or_batches(monkeypatch, extra):
    X, y, groups = faces()
    model = PixelForestClassifier(20, random_state=3, extra_trees=extra, oob_score=True, n_jobs=1)
    one = model.fit(X, y, groups=groups)
    monkeypatch.setattr(growth, "BLOCK_COLUMNS", 7)
    monkeypatch.setattr(growth, "MAX_DRAWS", 100)
    monkeypatch.setattr(growth, "MAX_STATE", 5000)
    other = PixelForestClassifier(**{**model.get_params(), "n_jobs": 2}).fit(X, y, groups=groups)
    assert same(one, other)
    assert np.array_equal(one.predict_proba(X), other.predict_proba(X))


def test_groups_are_drawn_as_a_whole():
    X, y, groups = faces()
    forest = PixelForestClassifier(15, random_state=0, oob_score=True).fit(X, y, groups=groups)
    out = forest.trees_.oob_leaves >= 0
    for group in np.unique(groups):
        members = out[:, groups == group]
        assert (members.all(axis=1) | ~members.any(axis=1)).all()
    assert 0.2 < out.mean() < 0.5


@pytest.mark.parametrize("shape", [(59,), (60, 2)])
def test_groups_of_another_shape_are_refused(shape):
    X, y, _ = faces()
    with pytest.raises(ValueError, match=r"inconsistent numbers|1d array"):
        PixelForestClassifier(2).fit(X[:60], y[:60], groups=np.zeros(shape))


def test_out_of_bag_estimates_of_groups_do_not_learn_the_group():
    """The columns tell the group, not the label: estimates by row leak, by group they don't."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 8)
    y = rng.permutation(np.arange(60) % 2)[groups]
    faces_of = rng.integers(0, 256, (60, 80))
    X = np.clip(faces_of[groups] + rng.normal(0, 4, (480, 80)), 0, 255).astype(np.uint8)
    model = PixelForestClassifier(100, random_state=0, oob_score=True)
    by_row = model.fit(X, y).oob_score_
    by_group = model.fit(X, y, groups=groups).oob_score_
    assert by_row > 0.95
    assert by_group < 0.65


def test_out_of_bag_leaves_are_where_the_rows_fall():
    X, y, _ = faces()
    forest = PixelForestClassifier(6, random_state=0, oob_score=True).fit(X, y)
    tree = forest.trees_
    for number, leaves in enumerate(tree.oob_leaves):
        for row in np.flatnonzero(leaves >= 0):
            node = 0
            while tree.left[tree.offsets[number] + node]:
                at = tree.offsets[number] + node
                node = tree.left[at] + (X[row, tree.feature[at]] > tree.threshold[at])
            assert node == leaves[row]


def test_the_two_class_path_agrees_with_the_general_one():
    X, y, _ = faces()
    fast = PixelForestClassifier(10, random_state=0).fit(X, y)
    general = PixelForestClassifier(10, random_state=0).fit(X, y, sample_weight=np.ones(len(y)))
    assert (fast.trees_.feature == general.trees_.feature)[:10].all()
    assert np.abs(fast.predict_proba(X) - general.predict_proba(X)).mean() < 0.05


def test_class_weights_count_like_sample_weights():
    X, y, _ = faces()
    by_class = PixelForestClassifier(5, random_state=0, class_weight={0: 1, 1: 3}).fit(X, y)
    by_row = PixelForestClassifier(5, random_state=0).fit(X, y, np.where(y == 1, 3.0, 1.0))
    roots = by_class.trees_.offsets[:-1]
    assert np.allclose(
        by_class.trees_.weights[roots], by_row.trees_.weights[by_row.trees_.offsets[:-1]]
    )


def test_constant_columns_are_skipped():
    X = np.zeros((40, 500), np.uint8)
    X[20:, 123] = 9
    forest = PixelForestClassifier(5, max_features=1, random_state=0, bootstrap=False)
    forest.fit(X, np.arange(40) // 20)
    assert (forest.predict(X) == np.arange(40) // 20).all()
    X[:, 123] = 7
    assert np.diff(forest.fit(X, np.arange(40) // 20).trees_.offsets).tolist() == [1] * 5


def test_fortran_order_is_not_copied(monkeypatch):
    X, y, _ = faces()
    seen = []
    grow = growth.grow_trees
    monkeypatch.setattr(
        "workflow_scripts.lib.training.pixel_forest.classifier.grow_trees",
        lambda data, *rest: seen.append(data.columns) or grow(data, *rest),
    )
    columns = np.ascontiguousarray(X.T)
    PixelForestClassifier(2).fit(columns.T, y)
    assert np.shares_memory(seen[0], columns)


def test_values_that_are_not_bytes_are_refused():
    X, y, _ = faces()
    for wrong in (X + 0.5, X.astype(int) - 1, X.astype(int) + 200):
        with pytest.raises(ValueError, match="takes bytes"):
            PixelForestClassifier(2).fit(wrong, y)
    as_floats = PixelForestClassifier(2, random_state=0).fit(X.astype(float), y)
    assert same(as_floats, PixelForestClassifier(2, random_state=0).fit(X, y))


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_estimators": 0},
        {"criterion": "luck"},
        {"max_features": 1.5},
        {"max_depth": 0},
        {"min_samples_split": 1},
        {"min_samples_leaf": 0.5},
        {"oob_score": True, "bootstrap": False},
    ],
)
def test_wrong_parameters_are_named(wrong):
    X, y, _ = faces()
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PixelForestClassifier(**wrong).fit(X, y)


@pytest.mark.slow
def test_load_columns_transposes_rows_in_memory_and_in_a_file(tmp_path):
    X, y, _ = faces()

    def read():
        return ((np.arange(i, len(X), 3), X[i::3]) for i in range(3))

    columns = load_columns(read, len(X))
    assert columns.flags.c_contiguous
    assert np.array_equal(columns.T, X)
    mapped = load_columns(read, len(X), tmp_path / "scratch", memory=1000)
    assert np.array_equal(mapped, columns)
    forest = PixelForestClassifier(4, random_state=0)
    assert same(forest.fit(columns.T, y), PixelForestClassifier(4, random_state=0).fit(mapped.T, y))


def test_columns_of_decimals_are_refused():
    with pytest.raises(ValueError, match="takes bytes, and the features are float32"):
        load_columns(lambda: iter([(np.arange(2), np.zeros((2, 5), np.float32))]), 2)


def test_code_is_compiled_even_if_it_cannot_be_cached(caplog, monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    growth._warn_not_cached.cache_clear()
    one, two = (growth._compile(nogil=True)(function) for function in (lambda x: x + 1, abs_of))
    assert (one(1), two(-2)) == (2, 2)
    assert len(caplog.records) == 1
    assert "each job compiles it again" in caplog.text


def abs_of(number):
    return abs(number)


@pytest.mark.slow
def test_processes_share_the_compiled_code(tmp_path):
    """Two processes fill an empty cache at once without conflict; a third compiles nothing."""
    script = (
        "import numpy as np\n"
        "from workflow_scripts.lib.training.pixel_forest import growth as trees\n"
        "from workflow_scripts.lib.training.pixel_forest.classifier import PixelForestClassifier\n"
        "X = np.random.default_rng(0).integers(0, 256, (30, 9), dtype=np.uint8)\n"
        "forest = PixelForestClassifier(3, random_state=0).fit(X, X[:, 0] > 128)\n"
        "misses = trees._search_columns.stats.cache_misses\n"
        "print(forest.predict_proba(X).sum(), sum(misses.values()))\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
        )

    both = [start(), start()]
    answers = [process.communicate()[0].split() for process in both]
    assert answers[0][0] == answers[1][0]
    assert start().communicate()[0].split() == [answers[0][0], "0"]

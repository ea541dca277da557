"""Metrics: held against scikit-learn's, and against what can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from workflow_scripts.lib.metrics import evaluate, video_scores

predictions = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(0, 4)), min_size=1, max_size=60
)


def measure(labels, scores, groups=None, resamples=0, threshold=0.5, seed=0):
    labels, scores = np.array(labels), np.array(scores, float)
    groups = np.arange(len(labels)) if groups is None else np.array(groups)
    return evaluate(labels, scores, groups, threshold, resamples, 0.95, seed)


@given(predictions)
def test_values_equal_scikit_learns(table):
    labels, eighths, groups = map(np.array, zip(*table, strict=True))
    scores = eighths / 8
    found = measure(labels, scores, groups)
    called = scores >= 0.5
    assert found["accuracy"]["value"] == pytest.approx((called == labels).mean(), abs=1e-6)
    if called.any():
        expected = reference.precision_score(labels, called, zero_division=0)
        assert found["precision"]["value"] == pytest.approx(expected, abs=1e-6)
    if len(set(labels)) == 2:
        assert found["roc_auc"]["value"] == pytest.approx(
            reference.roc_auc_score(labels, scores), abs=1e-6
        )
        assert found["balanced_accuracy"]["value"] == pytest.approx(
            reference.balanced_accuracy_score(labels, called), abs=1e-6
        )
        assert found["f1"]["value"] == pytest.approx(
            reference.f1_score(labels, called, zero_division=0), abs=1e-6
        )
    cells = reference.confusion_matrix(labels, called, labels=[0, 1]).ravel()
    assert list(found["confusion"].values()) == list(cells)


@given(predictions)
def test_equal_error_rate_is_where_both_errors_meet(table):
    labels, eighths, _ = map(np.array, zip(*table, strict=True))
    if len(set(labels)) == 2:
        error = measure(labels, eighths / 8)["eer"]["value"]
        false_pos, true_pos, _ = reference.roc_curve(labels, eighths / 8)
        step = 1e-5  # the value is rounded, and the curve may go straight up there
        assert np.interp(error + step, false_pos, true_pos) + error >= 1 - 1e-3
        assert np.interp(max(error - step, 0), false_pos, true_pos) + error <= 1 + 1e-3 or not error
        mirrored = measure(1 - labels, 1 - eighths / 8)["eer"]["value"]
        assert error == pytest.approx(mirrored, abs=2e-6)


def test_equal_error_rate_by_hand():
    assert measure([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])["eer"]["value"] == 0.5
    assert measure([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])["eer"]["value"] == 0
    assert measure([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9])["eer"]["value"] == 1
    assert measure([0, 1], [0.5, 0.5])["eer"]["value"] == 0.5


def test_one_class_leaves_ranking_undefined():
    found = measure([1, 1, 1], [0.2, 0.6, 0.9], resamples=20)
    for name in ("roc_auc", "eer", "balanced_accuracy"):
        assert found[name] == {"value": None, "low": None, "high": None}
    assert found["accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-6)


@given(predictions, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_intervals_are_ordered_and_repeatable(table, seed):
    labels, eighths, groups = map(np.array, zip(*table, strict=True))
    once = measure(labels, eighths / 8, groups, resamples=40, seed=seed)
    assert once == measure(labels, eighths / 8, groups, resamples=40, seed=seed)
    for name in ("accuracy", "roc_auc", "eer", "f1"):
        low, high = once[name]["low"], once[name]["high"]
        assert (low is None) == (high is None)
        assert low is None or 0 <= low <= high <= 1


def test_bootstrap_equals_drawing_the_rows_of_whole_groups():
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 90)
    scores = np.clip(labels * 0.3 + rng.random(90) * 0.7, 0, 1).round(2)
    groups = rng.integers(0, 12, 90)
    found = measure(labels, scores, groups, resamples=200, seed=3)
    areas, accuracies = [], []
    draws = np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=200)
    for draw in draws:
        rows = np.concatenate(
            [np.repeat(np.flatnonzero(groups == g), k) for g, k in enumerate(draw)]
        )
        areas.append(reference.roc_auc_score(labels[rows], scores[rows]))
        accuracies.append(((scores[rows] >= 0.5) == labels[rows]).mean())
    for name, values in (("roc_auc", areas), ("accuracy", accuracies)):
        low, high = np.percentile(values, [2.5, 97.5])
        assert found[name]["low"] == pytest.approx(low, abs=1e-6)
        assert found[name]["high"] == pytest.approx(high, abs=1e-6)


def test_frames_of_few_people_give_wide_intervals():
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 200)
    person = np.repeat(np.arange(5), 80)
    scores = np.clip(0.5 + (labels - 0.5) * (person / 4) + rng.normal(0, 0.1, 400), 0, 1)
    by_person = measure(labels, scores, person, resamples=300)["accuracy"]
    by_frame = measure(labels, scores, resamples=300)["accuracy"]
    assert by_person["high"] - by_person["low"] > 2 * (by_frame["high"] - by_frame["low"])


def test_too_few_people_give_no_interval():
    labels, scores = np.tile([0, 1], 40), np.random.default_rng(0).random(80)
    for n_groups in (1, 2, 4):
        found = measure(labels, scores, np.arange(80) % n_groups, resamples=50)
        assert found["accuracy"]["low"] is found["roc_auc"]["high"] is None
        assert found["accuracy"]["value"] is not None
    assert measure(labels, scores, np.arange(80) % 5, resamples=50)["accuracy"]["low"] is not None


def test_a_perfect_score_has_no_interval_of_no_width():
    labels = np.tile([0, 1], 20)
    found = measure(labels, labels * 0.9, np.arange(40) // 4, resamples=50)
    assert found["roc_auc"] == {"value": 1.0, "low": None, "high": None}


def test_video_scores_are_means_in_order_of_appearance():
    scores, first = video_scores(np.array([0.2, 0.4, 1.0, 0.0]), np.array(["z", "z", "a", "a"]))
    assert scores.tolist() == pytest.approx([0.3, 0.5])
    assert first.tolist() == [0, 2]

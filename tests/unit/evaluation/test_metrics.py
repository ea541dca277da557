"""Metrics agree with scikit-learn's, and with values computed by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from workflow_scripts.lib.evaluation.metrics import (
    compare,
    compute_curves,
    compute_reliability,
    evaluate,
    evaluate_subgroups,
    video_scores,
)

METRICS = ("accuracy", "roc_auc", "average_precision", "log_loss", "brier", "calibration_error")
predictions = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(0, 4)), min_size=1, max_size=60
)


def measure(labels, scores, groups=None, resamples=0, threshold=0.5, seed=0):
    labels, scores = np.array(labels), np.array(scores, float)
    groups = np.arange(len(labels)) if groups is None else np.array(groups)
    return evaluate(labels, scores, scores, groups, threshold, resamples, 0.95, seed)


@given(predictions)
def test_values_equal_scikit_learns(table):
    labels, eighths, groups = map(np.array, zip(*table, strict=True))
    scores = eighths / 8
    result = measure(labels, scores, groups)
    predicted = scores >= 0.5
    assert result["accuracy"]["value"] == pytest.approx((predicted == labels).mean(), abs=1e-6)
    if predicted.any():
        expected = reference.precision_score(labels, predicted, zero_division=0)
        assert result["precision"]["value"] == pytest.approx(expected, abs=1e-6)
    if len(set(labels)) == 2:
        assert result["roc_auc"]["value"] == pytest.approx(
            reference.roc_auc_score(labels, scores), abs=1e-6
        )
        assert result["balanced_accuracy"]["value"] == pytest.approx(
            reference.balanced_accuracy_score(labels, predicted), abs=1e-6
        )
        assert result["f1"]["value"] == pytest.approx(
            reference.f1_score(labels, predicted, zero_division=0), abs=1e-6
        )
        assert result["average_precision"]["value"] == pytest.approx(
            reference.average_precision_score(labels, scores), abs=1e-6
        )
        assert result["log_loss"]["value"] == pytest.approx(
            reference.log_loss(labels, np.clip(scores, 1e-6, 1 - 1e-6)), abs=1e-6
        )
    assert result["brier"]["value"] == pytest.approx(
        reference.brier_score_loss(labels, scores, pos_label=1), abs=1e-6
    )
    cells = reference.confusion_matrix(labels, predicted, labels=[0, 1]).ravel()
    assert list(result["confusion"].values()) == list(cells)


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
    result = measure([1, 1, 1], [0.2, 0.6, 0.9], resamples=20)
    for name in ("roc_auc", "eer", "balanced_accuracy"):
        assert result[name] == {"value": None, "low": None, "high": None}
    assert result["accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-6)


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
    result = measure(labels, scores, groups, resamples=200, seed=3)
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
        assert result[name]["low"] == pytest.approx(low, abs=1e-6)
        assert result[name]["high"] == pytest.approx(high, abs=1e-6)


def test_values_do_not_depend_on_the_number_of_resamples():
    for seed in range(100):
        rng = np.random.default_rng(seed)
        labels, scores, groups = rng.integers(0, 2, 80), rng.random(80).round(3), np.arange(80) % 9
        few, many = (measure(labels, scores, groups, resamples=n) for n in (0, 7))
        assert [few[name]["value"] for name in METRICS] == [many[name]["value"] for name in METRICS]


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
        result = measure(labels, scores, np.arange(80) % n_groups, resamples=50)
        assert result["accuracy"]["low"] is result["roc_auc"]["high"] is None
        assert result["accuracy"]["value"] is not None
    assert measure(labels, scores, np.arange(80) % 5, resamples=50)["accuracy"]["low"] is not None


def test_a_perfect_score_has_no_interval_of_no_width():
    labels = np.tile([0, 1], 20)
    result = measure(labels, labels * 0.9, np.arange(40) // 4, resamples=50)
    assert result["roc_auc"] == {"value": 1.0, "low": None, "high": None}


def test_video_scores_are_means_in_order_of_appearance():
    scores, first = video_scores(np.array([0.2, 0.4, 1.0, 0.0]), np.array(["z", "z", "a", "a"]))
    assert scores.tolist() == pytest.approx([0.3, 0.5])
    assert first.tolist() == [0, 2]


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_recall_at_few_false_alarms_equals_scikit_learns_curve(seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [rng.integers(100, 250), 120])
    scores = np.round(rng.normal(labels * 1.5, 1), rng.integers(1, 4))
    false_pos, true_pos, _ = reference.roc_curve(labels, scores, drop_intermediate=False)
    result = measure(labels, scores)
    for name, share in (("tpr_at_1pct_fpr", 0.01), ("tpr_at_5pct_fpr", 0.05)):
        expected = true_pos[false_pos <= share].max()
        assert result[name]["value"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("reals", "known"), [(19, []), (20, [5]), (99, [5]), (100, [1, 5])])
def test_few_reals_cannot_tell_few_false_alarms(reals, known):
    labels = np.repeat([0, 1], [reals, 30])
    scores = np.random.default_rng(1).random(reals + 30)
    result = measure(labels, scores, np.arange(len(labels)) % 10, resamples=50)
    for share in (1, 5):
        metric = result[f"tpr_at_{share}pct_fpr"]
        assert (metric["value"] is not None) == (share in known)
        assert (metric["low"] is not None) == (share in known)


def test_calibration_error_by_hand():
    # two bins of ten: means 0.2 and 0.9, shares of fakes 0.4 and 0.8
    scores = np.repeat([0.2, 0.9], 10)
    labels = np.array([1] * 4 + [0] * 6 + [1] * 8 + [0] * 2)
    assert measure(labels, scores)["calibration_error"]["value"] == pytest.approx(0.15, abs=1e-6)
    # fewer than twenty rows make one bin
    few = measure(labels[::2], scores[::2])["calibration_error"]["value"]
    assert few == pytest.approx(abs(scores[::2].mean() - labels[::2].mean()), abs=1e-6)


def test_calibrated_scores_have_a_small_calibration_error():
    rng = np.random.default_rng(2)
    scores = rng.random(20000)
    labels = (rng.random(20000) < scores).astype(int)
    honest = measure(labels, scores)["calibration_error"]["value"]
    bold = measure(labels, np.round(scores))["calibration_error"]["value"]
    assert honest < 0.02
    assert bold == pytest.approx(0.25, abs=0.02)


@given(predictions, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_order_of_rows_does_not_matter(table, random):
    labels, eighths, groups = map(np.array, zip(*table, strict=True))
    order = list(range(len(labels)))
    random.shuffle(order)
    once = measure(labels, eighths / 8, groups)
    again = measure(labels[order], eighths[order] / 8, groups[order])
    for name, metric in once.items():
        if isinstance(metric, dict) and "value" in metric:
            assert again[name]["value"] == pytest.approx(metric["value"], abs=2e-6), name


def test_bootstrap_of_losses_equals_drawing_the_rows_of_whole_groups():
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, 90)
    scores = np.clip(labels * 0.3 + rng.random(90) * 0.7, 0.01, 0.99).round(2)
    groups = rng.integers(0, 12, 90)
    result = measure(labels, scores, groups, resamples=200, seed=3)
    losses, precisions = [], []
    for draw in np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=200):
        rows = np.repeat(np.arange(90), draw[groups])
        losses.append(reference.log_loss(labels[rows], scores[rows]))
        precisions.append(reference.average_precision_score(labels[rows], scores[rows]))
    for name, values in (("log_loss", losses), ("average_precision", precisions)):
        low, high = np.percentile(values, [2.5, 97.5])
        assert result[name]["low"] == pytest.approx(low, abs=1e-6)
        assert result[name]["high"] == pytest.approx(high, abs=1e-6)


SETTINGS = {"threshold": 0.5, "n_resamples": 20, "confidence_level": 0.95, "seed": 0}


def test_methods_are_evaluated_with_all_reals():
    rng = np.random.default_rng(4)
    subgroups = np.repeat(["original", "Swap", "Puppet", ""], 20)
    labels, groups = (subgroups != "original").astype(int), np.arange(80) % 10
    scores = rng.random(80)
    results = evaluate_subgroups(subgroups, labels, scores, scores, groups, **SETTINGS)
    assert set(results) == {"Swap", "Puppet"}
    rows = np.isin(subgroups, ["original", "Swap"])
    assert results["Swap"] == evaluate(
        labels[rows], scores[rows], scores[rows], groups[rows], **SETTINGS
    )


def test_compressions_are_evaluated_with_their_own_reals():
    subgroups, labels = np.repeat(["c23", "c40"], 20), np.tile([0, 1], 20)
    scores = np.where(subgroups == "c23", labels, 1 - labels) * 0.8
    results = evaluate_subgroups(subgroups, labels, scores, scores, np.arange(40), **SETTINGS)
    assert [results[name]["roc_auc"]["value"] for name in ("c23", "c40")] == [1, 0]
    assert results["c23"]["n"] == 20


def paired(first, second, labels, groups, resamples=300):
    return compare(labels, (first, second), groups, (0.5, 0.5), resamples, 0.95, 0)


@given(predictions, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_differences_are_those_of_the_metrics_and_change_sign_when_swapped(table, seed):
    labels, eighths, groups = map(np.array, zip(*table, strict=True))
    first, second = eighths / 8, np.random.default_rng(seed).random(len(labels))
    result, back = (
        paired(*pair, labels, groups, 20) for pair in ((first, second), (second, first))
    )
    for name in ("accuracy", "roc_auc"):
        values = [measure(labels, scores, groups)[name]["value"] for scores in (first, second)]
        if None in values:
            assert result[name] == {"difference": None, "low": None, "high": None, "p_value": None}
            continue
        difference = result[name]["difference"]
        assert difference == pytest.approx(values[0] - values[1], abs=2e-6)
        assert back[name]["difference"] == pytest.approx(-difference, abs=1e-6)
        assert back[name]["p_value"] == result[name]["p_value"]
        assert 0 < result[name]["p_value"] <= 1


def test_p_is_the_share_of_swaps_with_as_large_a_difference():
    rng = np.random.default_rng(11)
    labels, groups = rng.integers(0, 2, 40), np.arange(40) % 6
    ranks = [np.argsort(np.argsort(rng.normal(labels * size, 1))) for size in (2, 0.5)]
    differences = []
    for pattern in range(2**6):
        swapped = (pattern >> groups & 1).astype(bool)
        pair = np.where(swapped, ranks[::-1], ranks)
        differences.append(np.subtract(*(reference.roc_auc_score(labels, one) for one in pair)))
    expected = np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12)
    result = paired(ranks[0] / 7, ranks[1] / 40, labels, groups)["roc_auc"]
    assert result["p_value"] == pytest.approx(expected, abs=1e-6)
    assert result["difference"] == pytest.approx(differences[0], abs=1e-6)


def test_an_experiment_is_not_better_than_itself():
    rng = np.random.default_rng(8)
    labels, scores = rng.integers(0, 2, 60), rng.random(60)
    result = paired(scores, scores, labels, np.arange(60) % 6)
    assert result["roc_auc"] == {"difference": 0, "low": None, "high": None, "p_value": 1}


def test_p_by_hand():
    # in each of five groups the first is right on both videos, the second on one of them
    labels, groups = np.tile([0, 1], 5), np.repeat(np.arange(5), 2)
    result = paired(labels * 1.0, np.full(10, 0.9), labels, groups)
    assert result["accuracy"]["difference"] == 0.5
    assert result["accuracy"]["p_value"] == result["roc_auc"]["p_value"] == 2 / 32
    four = paired(labels[:8] * 1.0, np.full(8, 0.9), labels[:8], groups[:8])
    assert four["accuracy"] == {"difference": 0.5, "low": None, "high": None, "p_value": 2 / 16}


@pytest.mark.parametrize("n_groups", [8, pytest.param(30, marks=pytest.mark.slow)])
def test_p_is_uniform_where_there_is_no_difference(n_groups):
    rng = np.random.default_rng(n_groups)
    groups = np.repeat(np.arange(n_groups), 6)
    labels = np.tile([0, 1], 3 * n_groups)
    p_values = []
    for _ in range(200):
        person = rng.normal(0, 0.3, (2, n_groups))[:, groups]
        first, second = rng.normal(labels, 1, (2, len(labels))) + person
        result = paired(first, second, labels, groups, 100)
        p_values.append([result[name]["p_value"] for name in ("accuracy", "roc_auc")])
    small = (np.array(p_values) <= 0.1).mean(axis=0)
    assert (small < 0.17).all() and (small > 0.02).all()


def areas(result):
    roc, pr = result["roc"], result["precision_recall"]
    return np.trapezoid(roc["y"], roc["x"]), (np.diff(pr["x"]) * pr["y"][1:]).sum()


@given(predictions)
def test_curves_have_the_areas_of_the_metrics_and_bands_between_0_and_1(table):
    labels, eighths, groups = map(np.array, zip(*table, strict=True))
    result = compute_curves(labels, eighths / 8, groups, 50, 0.9, 1)
    if len(set(labels)) < 2:
        assert result == {}
        return
    values = measure(labels, eighths / 8, groups)
    area, precision = areas(result)
    assert area == pytest.approx(values["roc_auc"]["value"], abs=1e-6)
    assert precision == pytest.approx(values["average_precision"]["value"], abs=1e-6)
    for curve in result.values():
        assert len(curve["at"]) == len(curve["low"]) == len(curve["high"])
        assert bool(len(curve["at"])) == (len(set(groups)) >= 5)
        assert ((curve["low"] >= 0) & (curve["low"] <= curve["high"]) & (curve["high"] <= 1)).all()


def test_a_band_lies_around_its_curve():
    rng = np.random.default_rng(3)
    labels = np.arange(400) % 2
    scores = labels + rng.normal(0, 1, 400)
    roc = compute_curves(labels, scores, np.arange(400) // 4, 200, 0.95, 1)["roc"]
    inside = np.interp(roc["at"], roc["x"], roc["y"])
    assert ((roc["low"] <= inside) & (inside <= roc["high"])).mean() > 0.95


@given(predictions)
def test_reliability_counts_every_row_once_and_gives_the_calibration_error(table):
    labels, eighths, groups = map(np.array, zip(*table, strict=True))
    bins = compute_reliability(labels, eighths / 8, groups)
    assert sum(part["n"] for part in bins) == len(labels)
    error = sum(part["n"] * abs(part["probability"] - part["share"]) for part in bins)
    expected = measure(labels, eighths / 8, groups)["calibration_error"]["value"]
    assert error / len(labels) == pytest.approx(expected, abs=1e-6)
    assert all(part["low"] <= part["share"] + 1e-9 <= part["high"] + 2e-9 for part in bins)

"""Calibration: held against scikit-learn's regression, known curves, and its own promises."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from workflow_scripts.lib.evaluation.metrics import wilson_interval
from workflow_scripts.lib.training.calibration import (
    apply_calibration,
    calibrate,
    choose_threshold,
    fit_calibration,
    operating_points,
)


@st.composite
def out_of_fold(draw):
    """Scores, labels with both classes, and groups."""
    rows = draw(
        st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.integers(0, 9)), max_size=60)
    )
    eighths, fakes, groups = zip(*rows, (10, False, 0), (20, True, 1), strict=True)
    return np.array(eighths) / 40, np.array(fakes, int), np.array(groups).astype(str)


def logit(p):
    return np.log(p / (1 - p))


def sample(n, slope=1.0, intercept=0.0, seed=0, fake_share=0.5):
    """Scores whose true probability (for even odds) is logistic(slope * logit + intercept)."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < fake_share).astype(int)
    # two normal densities one apart have log-odds that are linear in x
    log_odds = rng.normal(labels - 0.5, 1)
    scores = 1 / (1 + np.exp(-(log_odds - intercept) / slope))
    return scores, labels, np.arange(n).astype(str)


@given(out_of_fold())
@settings(deadline=None)
def test_probabilities_keep_the_order_and_lie_between_0_and_1(data):
    calibration = fit_calibration(*data)
    ramp = apply_calibration(calibration, np.linspace(0, 1, 101))
    assert (np.diff(ramp) >= 0).all()
    assert (ramp >= 0).all() and (ramp <= 1).all() and np.isfinite(ramp).all()


@given(out_of_fold(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_order_of_rows_does_not_matter_and_json_holds_it_all(data, random):
    order = list(range(len(data[0])))
    random.shuffle(order)
    found = calibrate(*data, max_error_rate=0.05)
    again = calibrate(*(column[order] for column in data), max_error_rate=0.05)
    assert again["threshold"] == found["threshold"]
    assert again["operating_points"] == found["operating_points"]
    for name, value in again["calibration"].items():
        assert value == pytest.approx(found["calibration"][name], abs=2e-6)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2, 0.5), (0.5, -1)])
def test_a_known_curve_is_found_again(slope, intercept):
    found = fit_calibration(*sample(20000, slope, intercept))
    assert found["slope"] == pytest.approx(slope, rel=0.1)
    assert found["intercept"] == pytest.approx(intercept, abs=0.1)


def test_the_mix_of_classes_does_not_matter():
    even, uneven = (fit_calibration(*sample(20000, 2, 0.5, fake_share=s)) for s in (0.5, 0.9))
    assert uneven["intercept"] == pytest.approx(even["intercept"], abs=0.1)


def test_curve_equals_scikit_learns_regression():
    scores, labels, groups = sample(400, 1.5, 0.3, seed=2)
    found = fit_calibration(scores, labels, groups)
    # it knows no prior around a slope of 1: compare where the prior weighs nothing
    heavy = fit_calibration(np.tile(scores, 500), np.tile(labels, 500), np.arange(400 * 500))
    reference = LogisticRegression(C=1e6, class_weight="balanced", tol=1e-10)
    reference.fit(logit(np.clip(scores, 1e-3, 1 - 1e-3))[:, None], labels)
    assert heavy["slope"] == pytest.approx(reference.coef_[0, 0], abs=1e-3)
    assert heavy["intercept"] == pytest.approx(reference.intercept_[0], abs=1e-3)
    assert abs(found["slope"] - 1) < abs(heavy["slope"] - 1)


def test_few_people_change_little():
    scores = np.tile([0.02, 0.97], 50)
    labels = np.tile([0, 1], 50)
    slopes = [
        fit_calibration(scores, labels, (np.arange(100) % n).astype(str))["slope"]
        for n in (2, 20, 100)
    ]
    assert 1 < slopes[0] < slopes[1] < slopes[2]


def test_scores_that_go_the_wrong_way_say_nothing():
    scores, labels, groups = sample(200)
    found = fit_calibration(1 - scores, labels, groups)
    found_many = fit_calibration(np.tile(1 - scores, 5), np.tile(labels, 5), np.arange(1000))
    assert found_many["slope"] <= found["slope"]
    assert found_many["slope"] == 0
    assert (apply_calibration(found_many, np.array([0.01, 0.99])) == 0.5).all()


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="real and fake"):
        calibrate(np.array([0.2, 0.4]), np.array([1, 1]), np.array(["a", "b"]), 0.05)


@given(out_of_fold())
def test_no_threshold_between_scores_has_a_higher_balanced_accuracy(data):
    scores, labels, _ = data

    def balanced(threshold):
        called = scores >= threshold
        return (called[labels == 1].mean() + (~called[labels == 0]).mean()) / 2

    best = balanced(choose_threshold(scores, labels))
    assert best >= max(map(balanced, [*np.unique(scores)[1:], 0.5])) - 1e-9


def test_threshold_by_hand():
    labels = np.array([0, 0, 1, 1])
    assert choose_threshold(np.array([0.1, 0.2, 0.3, 0.9]), labels) == 0.25
    assert choose_threshold(np.array([0.1, 0.4, 0.8, 0.9]), labels) == 0.5
    assert choose_threshold(np.array([0.5, 0.5, 0.5, 0.5]), labels) == 0.5


@given(out_of_fold(), st.sampled_from([0.05, 0.1, 0.3]))
def test_operating_points_keep_their_promise(data, max_error_rate):
    scores, labels, _ = data
    points = operating_points(*data, max_error_rate)
    assert points["low"] <= points["high"]
    for cell, wrong in (
        ("real_called_fake", scores[labels == 0] >= points["high"]),
        ("fake_called_real", scores[labels == 1] < points["low"]),
    ):
        rate = points[cell]
        assert (rate["wrong"], rate["videos"]) == (wrong.sum(), len(wrong))
        assert wrong.mean() <= max_error_rate + 1e-9
        assert 0 <= rate["low"] <= rate["expected"] <= rate["high"] <= 1
        assert rate["expected"] <= max(max_error_rate, 1 / (len(wrong) + 1)) + 1e-6


def test_new_videos_are_called_wrong_as_rarely_as_promised():
    rng = np.random.default_rng(3)
    wrong, covered = [], []
    for _ in range(400):
        labels = np.repeat([0, 1], 60)
        scores = 1 / (1 + np.exp(-rng.normal(labels - 0.5, 1)))
        points = operating_points(scores, labels, np.arange(120).astype(str), 0.05)
        fresh = 1 / (1 + np.exp(-rng.normal(np.repeat([-0.5, 0.5], 200), 1)))
        wrong.append([(fresh[:200] >= points["high"]).mean(), (fresh[200:] < points["low"]).mean()])
        promised, rate = points["real_called_fake"], norm.sf(logit(points["high"]) + 0.5)
        covered.append(promised["low"] <= rate <= promised["high"])
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)
    assert np.mean(wrong, axis=0) == pytest.approx([0.05, 0.05], abs=0.006)  # 3 of 61 is 0.049


def test_operating_points_by_hand():
    scores = np.concatenate([np.arange(20) / 40, 0.3 + np.arange(20) / 40])
    points = operating_points(scores, np.repeat([0, 1], 20), np.arange(40).astype(str), 0.05)
    assert (points["low"], points["high"]) == (0.3, 0.475001)
    assert points["real_called_fake"]["wrong"] == 0
    assert points["real_called_fake"]["expected"] == pytest.approx(1 / 21, abs=1e-6)
    # the largest of 20: the chance that one more lies above has the density 20 (1 - p)^19
    low, high = (points["real_called_fake"][end] for end in ("low", "high"))
    assert 1 - (1 - low) ** 20 == pytest.approx(0.025, abs=1e-4)
    assert 1 - (1 - high) ** 20 == pytest.approx(0.975, abs=1e-4)
    few = operating_points(scores[::5], np.repeat([0, 1], 4), np.arange(8).astype(str), 0.05)
    assert few["real_called_fake"]["expected"] == 0.2  # four videos cannot promise 5 %


def test_videos_of_few_people_promise_less():
    scores = np.concatenate([np.arange(20) / 40, 0.3 + np.arange(20) / 40])
    apart, together = (
        operating_points(scores, np.repeat([0, 1], 20), groups, 0.05)["real_called_fake"]
        for groups in (np.arange(40).astype(str), (np.arange(40) // 5).astype(str))
    )
    assert (apart["groups"], together["groups"]) == (20, 4)
    assert apart["expected"] == together["expected"]
    assert together["high"] > apart["high"]


def test_classes_far_apart_leave_nothing_undetermined():
    scores = np.concatenate([np.full(40, 0.1), np.full(40, 0.9)])
    points = operating_points(scores, np.repeat([0, 1], 40), np.arange(80).astype(str), 0.05)
    assert points["low"] == points["high"] == pytest.approx(0.5, abs=2e-6)


def test_wilson_interval_by_hand():
    assert wilson_interval(0.0, 5) == pytest.approx((0, 0.4345), abs=1e-3)
    assert wilson_interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-3)

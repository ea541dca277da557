"""Calibration, threshold and operating points of a model.

All are estimated from out-of-fold scores of the training data, one per video, each by a model that
was not trained on the video's group. Results are dicts for JSON.

- **Calibration** is Platt's (1999): a logistic curve over the score's log-odds, so that slope 1 and
  intercept 0 leave a score unchanged. Isotonic and beta calibration have more parameters than
  videos of a few people can determine. Both classes have the same weight: the probability holds if
  fakes and reals are equally likely, whatever their proportion in the training data. The data count
  as many observations as there are groups, against a normal prior of slope 1 +- 1, so a few people
  change little. The slope is never negative: the order of scores is preserved.
- **Threshold**: of 0.5 (the forest's majority) and the midpoints of neighbouring scores, the one
  with the highest balanced accuracy; on ties, the one nearest to 0.5.
- **Operating points**: `fake` at or above `high`, `real` below `low`, undetermined in between. They
  are order statistics, as in split conformal prediction (Vovk et al. 2005): of n + 1 exchangeable
  reals, the last exceeds the k-th largest of the others with probability k / (n + 1) at most. That
  is at most the maximal error rate if n allows it (19 videos for 5 %); otherwise the largest score
  is used, and `expected` is the rate that it guarantees.

Scores and thresholds are rounded to six decimals, as in the tables of predictions.
"""

import math
from typing import Any

import numpy as np

MIN_SCORE = 1e-3  # and the highest is 1 minus it: a thousand trees that agree are not certain
SCORE_STEP = 1e-6
MAX_STEPS = 50  # of Newton's method, which needs about six


def calibrate(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, max_error_rate: float
) -> dict[str, Any]:
    """Calibration, threshold and operating points for a model's card.

    Parameters
    ----------
    scores : (n,) float
        Out-of-fold probability of fake, between 0 and 1.
    labels : (n,) int
        0 = real, 1 = fake.
    groups : (n,) str
    max_error_rate : float
        Of reals called fake, and of fakes called real.

    Raises
    ------
    ValueError
        Only one class occurs.
    """
    return {
        "calibration": fit_calibration(scores, labels, groups),
        "threshold": choose_threshold(scores, labels),
        "operating_points": operating_points(scores, labels, groups, max_error_rate),
    }


def fit_calibration(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray
) -> dict[str, float | int]:
    """Fit the logistic curve: `slope`, `intercept`, and the numbers of `videos` and `groups`."""
    _check_both_classes(labels)
    fake = labels == 1
    log_odds = _log_odds(scores)
    n_groups = len(np.unique(groups))
    weight = n_groups / 2 / np.where(fake, fake.sum(), (~fake).sum())
    inputs = np.stack([log_odds, np.ones_like(log_odds)], axis=1)
    slope, intercept = _fit(inputs, fake, weight)
    if slope < 0:  # the scores are worse than chance: every probability becomes 0.5
        slope, intercept = 0.0, 0.0
    return {
        "slope": round(slope, 6),
        "intercept": round(intercept, 6),
        "videos": len(scores),
        "groups": n_groups,
    }


def apply_calibration(calibration: dict[str, Any], scores: np.ndarray) -> np.ndarray:
    """The probability of fake if fakes and reals are equally likely, (n,)."""
    return _logistic(calibration["slope"] * _log_odds(scores) + calibration["intercept"])


def choose_threshold(scores: np.ndarray, labels: np.ndarray) -> float:
    """The threshold with the highest balanced accuracy, on ties the nearest to 0.5."""
    _check_both_classes(labels)
    levels = np.unique(scores)
    candidates = np.unique([*((levels[1:] + levels[:-1]) / 2), 0.5]).round(6)
    reals, fakes = np.sort(scores[labels == 0]), np.sort(scores[labels == 1])
    recall = 1 - np.searchsorted(fakes, candidates) / len(fakes)
    specificity = np.searchsorted(reals, candidates) / len(reals)
    balanced = (recall + specificity).round(9)  # ties must be exact
    best = candidates[balanced == balanced.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])


def operating_points(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, max_error_rate: float
) -> dict[str, Any]:
    """The thresholds of a verdict and their error rates.

    Returns
    -------
    dict
        `low`, `high` (equal if one threshold separates the classes), and for `real_called_fake` and
        `fake_called_real`: `expected`, the error rate for the next video; `low` and `high`, its
        95 % interval, by the beta distribution of an order statistic with as many observations as
        there are groups (videos of one person are not independent); `videos` and `groups`, from
        which the point was estimated, and `wrong`, how many of these videos are beyond it.
    """
    _check_both_classes(labels)
    scores = np.round(scores, 6)
    real = labels == 0
    high, expected_fake = _upper_point(scores[real], max_error_rate)
    mirrored, expected_real = _upper_point(1 - scores[~real], max_error_rate)
    low = round(1 - mirrored + SCORE_STEP, 6)  # real is below it, fake at or above
    if low > high:
        low = high = round((low + high) / 2, 6)
    return {
        "low": low,
        "high": high,
        "real_called_fake": _error_rate(scores[real] >= high, groups[real], expected_fake),
        "fake_called_real": _error_rate(scores[~real] < low, groups[~real], expected_real),
    }


def _check_both_classes(labels: np.ndarray) -> None:
    if len(np.unique(labels)) < 2:
        raise ValueError("calibration needs both real and fake videos")


def _log_odds(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores, MIN_SCORE, 1 - MIN_SCORE)
    return np.log(clipped) - np.log1p(-clipped)


def _logistic(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def _fit(inputs: np.ndarray, fake: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of a weighted logistic regression with the prior slope ~ N(1, 1), by
    Newton's method with step halving. The loss is convex, so the result is unique."""
    sign = np.where(fake, 1.0, -1.0)

    def loss(beta: np.ndarray) -> float:
        return float(weight @ np.logaddexp(0, -sign * (inputs @ beta)) + (beta[0] - 1) ** 2 / 2)

    beta = np.array([1.0, 0.0])
    for _ in range(MAX_STEPS):
        probability = _logistic(inputs @ beta)
        gradient = inputs.T @ (weight * (probability - fake)) + [beta[0] - 1, 0]
        curvature = (inputs.T * (weight * probability * (1 - probability))) @ inputs
        step = np.linalg.solve(curvature + np.diag([1.0, 1e-9]), gradient)
        while loss(beta - step) > loss(beta) and np.abs(step).max() > 1e-12:
            step = step / 2
        beta = beta - step
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[0]), float(beta[1])


def _upper_point(scores: np.ndarray, max_rate: float) -> tuple[float, float]:
    """The lowest threshold that the next of `scores` reaches with probability `max_rate` at most
    (or the lowest that can be guaranteed), and that probability."""
    n = len(scores)
    rank = max(1, math.floor(max_rate * (n + 1) + 1e-9))
    return float(round(np.sort(scores)[-rank] + SCORE_STEP, 6)), rank / (n + 1)


def _error_rate(wrong: np.ndarray, groups: np.ndarray, expected: float) -> dict[str, float | int]:
    from scipy.special import betaincinv  # a verdict does not need it

    n_groups = len(np.unique(groups))
    # the probability of exceeding the k-th largest of n values is distributed as Beta(k, n + 1 - k)
    k = expected * (n_groups + 1)
    low, high = betaincinv(k, n_groups + 1 - k, [0.025, 0.975])
    return {
        "expected": round(expected, 6),
        "low": round(float(low), 6),
        "high": round(float(high), 6),
        "wrong": int(wrong.sum()),
        "videos": len(wrong),
        "groups": n_groups,
    }

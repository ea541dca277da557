"""From a forest's scores to probabilities, a threshold, and when to say nothing.

All is learnt from out-of-fold scores of the training part: each video's score by a model that saw
none of its group. What comes out is a plain dict that JSON can hold.

- **Calibration** is Platt's (1999): a logistic curve, here over the score's log-odds, so that slope
  1 and intercept 0 leave a score as it is. Isotonic and beta calibration have more freedom than
  videos of a few people can pay for. Both classes weigh the same: the probability holds where fakes
  and reals are equally likely, whatever the training part's mix. The data weigh as many
  observations as there are groups, against a normal prior of slope 1 +- 1, so few people change
  little. The slope is never negative: order is kept.
- **Threshold**: of 0.5 (the forest's majority) and all points halfway between two neighbouring
  scores, the one with the highest balanced accuracy; of equals the nearest to 0.5.
- **Operating points**: `fake` at or above `high`, `real` below `low`, undetermined between. They
  are order statistics (as in split conformal prediction, Vovk et al. 2005): with n exchangeable
  reals, the next one lies above the k-th largest in at most k of n + 1 cases. That is at most the
  wanted share if n allows it (19 videos for 5 %); otherwise the largest is taken, and `expected`
  says what that can promise.

Scores and thresholds are kept with six decimals, as in the tables of predictions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["apply_calibration", "calibrate", "choose_threshold", "fit_calibration"]
__all__ += ["operating_points"]

CLOSEST = 1e-3  # to a score of 0 or 1: a thousand trees that agree are not certain
DIGIT = 1e-6
STEPS = 50  # of Newton's method, which needs about six


def calibrate(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, max_error_rate: float
) -> dict[str, Any]:
    """All that a model's card says of its scores, from out-of-fold scores per video.

    Parameters
    ----------
    scores : (n,) float
        Out-of-fold probability of fake, between 0 and 1.
    labels : (n,) int
        0 = real, 1 = fake; both occur.
    groups : (n,) str
    max_error_rate : float
        Share of reals that may be called fake, and of fakes that may be called real.

    Returns
    -------
    dict
        `calibration`, `threshold` and `operating_points`, for scores as they are, uncalibrated.

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
    """Fit the logistic curve: `slope` and `intercept` over log-odds, and how much it rests on."""
    _check_both_classes(labels)
    fake = labels == 1
    log_odds = _log_odds(scores)
    n_groups = len(np.unique(groups))
    weight = n_groups / 2 / np.where(fake, fake.sum(), (~fake).sum())
    inputs = np.stack([log_odds, np.ones_like(log_odds)], axis=1)
    slope, intercept = _fit(inputs, fake, weight)
    if slope < 0:  # the scores go the wrong way: they say nothing, and classes weigh the same
        slope, intercept = 0.0, 0.0
    return {
        "slope": round(slope, 6),
        "intercept": round(intercept, 6),
        "videos": len(scores),
        "groups": n_groups,
    }


def apply_calibration(calibration: dict[str, Any], scores: np.ndarray) -> np.ndarray:
    """Probability of fake where fakes and reals are equally likely, (n,), never falling as the
    score rises."""
    return _logistic(calibration["slope"] * _log_odds(scores) + calibration["intercept"])


def choose_threshold(scores: np.ndarray, labels: np.ndarray) -> float:
    """The threshold with the highest balanced accuracy; see the module on ties."""
    _check_both_classes(labels)
    levels = np.unique(scores)
    candidates = np.unique([*((levels[1:] + levels[:-1]) / 2), 0.5]).round(6)
    reals, fakes = np.sort(scores[labels == 0]), np.sort(scores[labels == 1])
    recall = 1 - np.searchsorted(fakes, candidates) / len(fakes)
    specificity = np.searchsorted(reals, candidates) / len(reals)
    balanced = (recall + specificity).round(9)  # sums of the same shares are equal
    best = candidates[balanced == balanced.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])


def operating_points(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, max_error_rate: float
) -> dict[str, Any]:
    """The thresholds of a verdict, and how often each is wrong.

    Returns
    -------
    dict
        `low`, `high`, and for `real_called_fake` and `fake_called_real`: `expected`, the share
        that can be promised for the next video; `low` and `high`, the 95 % interval of that share,
        a beta distribution as an order statistic has it, with as many observations as there are
        groups (videos of one person are not independent); `videos` and `groups`, on which the point
        was set, and `wrong`, the videos of these beyond it. Where the classes are so far apart that
        one threshold would do, `low` and `high` are the same.
    """
    _check_both_classes(labels)
    scores = np.round(scores, 6)
    real = labels == 0
    high, expected_fake = _upper_point(scores[real], max_error_rate)
    mirrored, expected_real = _upper_point(1 - scores[~real], max_error_rate)
    low = round(1 - mirrored + DIGIT, 6)  # real below, where fake is at or above
    if low > high:
        low = high = round((low + high) / 2, 6)
    return {
        "low": low,
        "high": high,
        "real_called_fake": _promise(scores[real] >= high, groups[real], expected_fake),
        "fake_called_real": _promise(scores[~real] < low, groups[~real], expected_real),
    }


def _check_both_classes(labels: np.ndarray) -> None:
    if len(np.unique(labels)) < 2:
        raise ValueError("calibration needs real and fake videos")


def _log_odds(scores: np.ndarray) -> np.ndarray:
    held = np.clip(scores, CLOSEST, 1 - CLOSEST)
    return np.log(held) - np.log1p(-held)


def _logistic(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def _fit(inputs: np.ndarray, fake: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Weighted logistic regression with the prior slope ~ N(1, 1), by Newton's method with halved
    steps. The loss is convex, so the order of rows and the start do not matter."""
    sign = np.where(fake, 1.0, -1.0)

    def loss(at: np.ndarray) -> float:
        return float(weight @ np.logaddexp(0, -sign * (inputs @ at)) + (at[0] - 1) ** 2 / 2)

    at = np.array([1.0, 0.0])
    for _ in range(STEPS):
        probability = _logistic(inputs @ at)
        gradient = inputs.T @ (weight * (probability - fake)) + [at[0] - 1, 0]
        curvature = (inputs.T * (weight * probability * (1 - probability))) @ inputs
        step = np.linalg.solve(curvature + np.diag([1.0, 1e-9]), gradient)
        while loss(at - step) > loss(at) and np.abs(step).max() > 1e-12:
            step = step / 2
        at = at - step
        if np.abs(step).max() < 1e-10:
            break
    return float(at[0]), float(at[1])


def _upper_point(scores: np.ndarray, share: float) -> tuple[float, float]:
    """The smallest threshold that the next of `scores` reaches in at most `share` of all cases (or
    as few as can be promised), and in how many."""
    n = len(scores)
    rank = max(1, math.floor(share * (n + 1) + 1e-9))
    return float(round(np.sort(scores)[-rank] + DIGIT, 6)), rank / (n + 1)


def _promise(wrong: np.ndarray, groups: np.ndarray, expected: float) -> dict[str, float | int]:
    from scipy.special import betaincinv  # not needed to judge

    n_groups = len(np.unique(groups))
    # of n values the k-th largest is exceeded with a chance that has the density Beta(k, n + 1 - k)
    beyond = expected * (n_groups + 1)
    low, high = betaincinv(beyond, n_groups + 1 - beyond, [0.025, 0.975])
    return {
        "expected": round(expected, 6),
        "low": round(float(low), 6),
        "high": round(float(high), 6),
        "wrong": int(wrong.sum()),
        "videos": len(wrong),
        "groups": n_groups,
    }

"""Metrics of fake scores, per frame and per video, with intervals over groups of people."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["evaluate", "video_scores"]

COUNTED = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
RANKED = ("roc_auc", "eer")
MIN_GROUPS = 5  # resamples of fewer groups say next to nothing about other people


def video_scores(scores: np.ndarray, videos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One score per video, the mean of its frames', and the row of each video's first frame.

    Parameters
    ----------
    scores : (n,) float
    videos : (n,) str

    Returns
    -------
    (scores, first_rows)
        Both (m,), in the order in which the videos first appear.
    """
    _, first, video_of = np.unique(videos, return_index=True, return_inverse=True)
    means = np.bincount(video_of, weights=scores) / np.bincount(video_of)
    order = np.argsort(first)
    return means[order], first[order]


def evaluate(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    threshold: float,
    resamples: int,
    coverage: float,
    seed: int,
) -> dict[str, Any]:
    """All metrics, each with an interval by bootstrap over groups.

    Frames of a person resemble each other, so resampling frames would make the intervals too
    narrow: whole groups are drawn with replacement (percentile bootstrap, Efron 1979). With fewer
    than 5 groups there is no interval, and none where all resamples give the same value (a perfect
    score on few people is no proof of perfection).

    Parameters
    ----------
    labels : (n,) int
        0 = real, 1 = fake.
    scores : (n,) float
        Probability of fake; called fake at or above `threshold`.
    groups : (n,) str
    threshold : float
    resamples : int
        0 leaves the intervals out.
    coverage : float
        Of the intervals, between 0 and 1.
    seed : int

    Returns
    -------
    dict
        `n`, `groups`, `confusion` with the counts, and for each metric `{"value", "low", "high"}`;
        None where it is undefined (AUC with one class, precision with nothing called fake).
    """
    names, group_of = np.unique(groups, return_inverse=True)
    cells = np.zeros((len(names), 4))
    called = scores >= threshold
    for cell, members in enumerate(_confusion_cells(labels == 1, called)):
        cells[:, cell] = np.bincount(group_of, weights=members, minlength=len(names))

    ones = np.ones((1, len(names)))
    draws = np.random.default_rng(seed).multinomial(
        len(names),
        np.full(len(names), 1 / len(names)),
        size=resamples if len(names) >= MIN_GROUPS else 0,
    )
    values = {**_counted(ones @ cells), **_ranked(labels, scores, group_of, ones)}
    spread = {**_counted(draws @ cells), **_ranked(labels, scores, group_of, draws)}
    true_neg, false_pos, false_neg, true_pos = (int(count) for count in cells.sum(axis=0))
    return {
        "n": len(labels),
        "groups": len(names),
        "confusion": {
            "real_called_real": true_neg,
            "real_called_fake": false_pos,
            "fake_called_real": false_neg,
            "fake_called_fake": true_pos,
        },
        **{
            name: {"value": _number(values[name][0]), **_interval(spread[name], coverage)}
            for name in (*COUNTED, *RANKED)
        },
    }


def _confusion_cells(fake: np.ndarray, called: np.ndarray) -> list[np.ndarray]:
    return [~fake & ~called, ~fake & called, fake & ~called, fake & called]


def _counted(cells: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics that follow from confusion counts (k, 4), each (k,)."""
    true_neg, false_pos, false_neg, true_pos = cells.T.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = true_pos / (true_pos + false_neg)
        specificity = true_neg / (true_neg + false_pos)
        return {
            "accuracy": (true_pos + true_neg) / cells.sum(axis=1),
            "balanced_accuracy": (recall + specificity) / 2,
            "precision": true_pos / (true_pos + false_pos),
            "recall": recall,
            "f1": 2 * true_pos / (2 * true_pos + false_pos + false_neg),
        }


def _ranked(
    labels: np.ndarray, scores: np.ndarray, group_of: np.ndarray, draws: np.ndarray
) -> dict[str, np.ndarray]:
    """AUC and equal error rate for each row of `draws` (k, groups), each (k,).

    The scores are sorted once for all draws; scikit-learn's `roc_curve` sorts each time, which
    made the thousand resamples cost more than finding the faces.
    """
    order = np.argsort(-scores, kind="stable")
    fake, group_of = labels[order] == 1, group_of[order]
    last_of_ties = np.flatnonzero(np.diff(scores[order], append=np.inf))
    found = np.full((len(draws), 2), np.nan)
    for row, draw in enumerate(draws):
        weight = draw[group_of]
        true_pos = np.cumsum(weight * fake)[last_of_ties]
        false_pos = np.cumsum(weight * ~fake)[last_of_ties]
        if true_pos[-1] and false_pos[-1]:
            true_rate = np.append(0, true_pos / true_pos[-1])
            false_rate = np.append(0, false_pos / false_pos[-1])
            area = np.trapezoid(true_rate, false_rate)
            found[row] = area, _equal_error_rate(false_rate, true_rate)
    return dict(zip(RANKED, found.T, strict=True))


def _equal_error_rate(false_pos: np.ndarray, true_pos: np.ndarray) -> float:
    """Where the ROC curve, drawn with straight lines, crosses false positives = misses."""
    miss = 1 - true_pos
    after = int(np.argmax(false_pos >= miss))
    if after == 0:
        return float(false_pos[0])
    gap_before = miss[after - 1] - false_pos[after - 1]
    gap_after = false_pos[after] - miss[after]
    along = gap_before / (gap_before + gap_after)
    return float(false_pos[after - 1] + along * (false_pos[after] - false_pos[after - 1]))


def _interval(values: np.ndarray, coverage: float) -> dict[str, float | None]:
    """Percentiles of the resamples in which the metric is defined; None if fewer than half are, or
    if all are the same."""
    defined = values[np.isfinite(values)]
    if len(values) == 0 or len(defined) < len(values) / 2 or np.ptp(defined) == 0:
        return {"low": None, "high": None}
    tail = 50 * (1 - coverage)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return {"low": _number(low), "high": _number(high)}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)

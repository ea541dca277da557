"""Metrics of fake scores, per frame and per video, with intervals over groups of people.

Every metric is a function of sums over groups, or of one sorted list, so that the bootstrap costs a
matrix product, or a pass over the list, per resample.

- `average_precision`: the area under the precision-recall curve as a sum of steps, which
  scikit-learn uses too.
- `tpr_at_1pct_fpr`, `tpr_at_5pct_fpr`: the largest share of fakes found at a threshold that calls
  at most that share of the reals fake. None with fewer than 100 or 20 reals: so few cannot tell
  a share so small from none.
- `log_loss` (natural logarithm, scores held 1e-6 away from 0 and 1, for they are kept with six
  decimals) and `brier` score (Brier 1950).
- `calibration_error`: the mean distance, over bins, between the bin's mean score and its share of
  fakes, weighted by the bins' rows (expected calibration error with bins of equal mass, Naeini et
  al. 2015). At most 10 bins, and at least 10 rows in each; rows of equal score share a bin. Bins
  are made once and hold for all resamples. Few rows make it too large: chance alone moves a bin of
  10 rows by 0.1 or so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

__all__ = ["breakdown", "compare", "curves", "evaluate", "growth", "reliability", "video_scores"]
__all__ += ["wilson_interval"]

COUNTED = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
RANKED = ("roc_auc", "eer", "average_precision", "tpr_at_1pct_fpr", "tpr_at_5pct_fpr")
SCORED = ("log_loss", "brier", "calibration_error")
FALSE_SHARES = (0.01, 0.05)
MIN_GROUPS = 5  # resamples of fewer groups say next to nothing about other people
CLOSEST = 1e-6  # to a score of 0 or 1, for the logarithm
MAX_BINS, MIN_ROWS_PER_BIN = 10, 10
CURVE_POINTS = 201  # at which a curve's band is taken
ALL_FLIPS = 12  # groups: up to here every pattern of signs is tried


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
    probabilities: np.ndarray,
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
        Called fake at or above `threshold`.
    probabilities : (n,) float
        Calibrated probability of fake, which log loss, Brier score and calibration error are of.
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
    fake = labels == 1
    cells = _sums(group_of, *_confusion_cells(fake, scores >= threshold))
    sums = _sums(group_of, np.ones(len(labels)), *_losses(fake, probabilities))
    bins = _bin_sums(fake, probabilities, group_of)

    def measure(draws: np.ndarray) -> dict[str, np.ndarray]:
        return {
            **_counted(draws @ cells),
            **_ranked(fake, scores, group_of, draws),
            **_scored(draws @ sums, np.tensordot(draws, bins, axes=1)),
        }

    values = measure(np.ones((1, len(names))))
    spread = measure(_draws(len(names), resamples, seed))
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
            for name in (*COUNTED, *RANKED, *SCORED)
        },
    }


def breakdown(
    kinds: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    **settings: Any,
) -> dict[str, dict[str, Any]]:
    """`evaluate` for each kind of fake: per method, compression or data set.

    The fakes of a kind stand against the reals of that kind (a compression has its own), or
    against all reals where there are none (a method has none). Kinds without fakes are left out.

    `kinds` (n,) str, empty where it is unknown; `settings` are those of `evaluate`.
    """
    parts = {}
    for kind in np.unique(kinds[(labels == 1) & (kinds != "")]):
        of_kind = kinds == kind
        reals = (labels == 0) & of_kind
        rows = of_kind | (labels == 0) if not reals.any() else of_kind
        parts[str(kind)] = evaluate(
            labels[rows], scores[rows], probabilities[rows], groups[rows], **settings
        )
    return parts


def compare(
    labels: np.ndarray,
    scores: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
    thresholds: tuple[float, float],
    resamples: int,
    coverage: float,
    seed: int,
) -> dict[str, Any]:
    """How much better the first of two experiments is than the second, on the same rows.

    The interval is the bootstrap's over groups, both experiments on the same draws. The p-value is
    that of a paired permutation (two-sided): if the experiments were alike, a group's answers could
    be swapped between them (for AUC its ranks, which need no common scale, Venkatraman & Begg
    1996). All ways of swapping are tried up to 12 groups, `resamples` random ones beyond. With 5
    groups it cannot fall below 2/32, however large the difference: a bootstrap's would.

    Parameters
    ----------
    labels : (n,) int
    scores : two of (n,) float
    groups : (n,) str
    thresholds : two floats
    resamples, coverage, seed
        As for `evaluate`.

    Returns
    -------
    dict
        `n`, `groups`, and for `accuracy` and `roc_auc` `{"difference", "low", "high", "p_value"}`;
        None where it is undefined.
    """
    names, group_of = np.unique(groups, return_inverse=True)
    fake = labels == 1
    right = [(s >= t) == fake for s, t in zip(scores, thresholds, strict=True)]
    correct = _sums(group_of, np.ones(len(labels)), *right)
    parts = {"accuracy": (correct[:, 1] - correct[:, 2]) / len(labels)}
    parts["roc_auc"] = _sums(group_of, _rank_parts(fake, *scores))[:, 0]

    def measure(draws: np.ndarray) -> dict[str, np.ndarray]:
        rows, first, second = (draws @ correct).T
        areas = [_ranked(fake, score, group_of, draws)["roc_auc"] for score in scores]
        return {"accuracy": (first - second) / rows, "roc_auc": areas[0] - areas[1]}

    values = measure(np.ones((1, len(names))))
    spread = measure(_draws(len(names), resamples, seed))
    return {
        "n": len(labels),
        "groups": len(names),
        **{
            name: {
                "difference": _number(values[name][0]),
                **_interval(spread[name], coverage),
                "p_value": _number(_sign_flip_p_value(parts[name], resamples, seed)),
            }
            for name in parts
        },
    }


def growth(
    labels: np.ndarray,
    scores: Sequence[Sequence[np.ndarray]],
    groups: np.ndarray,
    resamples: int,
    coverage: float,
    seed: int,
) -> list[dict[str, Any]]:
    """How the AUC grows with the training part, on the same rows.

    Parameters
    ----------
    labels : (n,) int
    scores : for each size of the training part its fits, (n,) float each
        Smallest first. Fit i of each size belongs to repeat i; a size may have one fit only, where
        all repeats would be the same.
    groups : (n,) str
    resamples, coverage, seed
        As for `evaluate`; a resample draws groups, and repeats too.

    Returns
    -------
    list of dict
        For each size `roc_auc`, the mean of its fits, `{"value", "low", "high"}`; `min` and
        `max` of the fits; and `gain`, what the mean is above that of the size before, on the
        same draws, in the same form.
    """
    names, group_of = np.unique(groups, return_inverse=True)
    fake = labels == 1
    everybody, draws = np.ones((1, len(names))), _draws(len(names), resamples, seed)
    repeats = max(map(len, scores))
    # another stream than the groups'
    chosen = np.random.default_rng([seed, 1]).integers(repeats, size=(repeats, len(draws)))

    def areas(fits: Sequence[np.ndarray], draws: np.ndarray) -> np.ndarray:
        return np.array([_ranked(fake, fit, group_of, draws)["roc_auc"] for fit in fits])

    found: list[dict[str, Any]] = []
    before: tuple[float, np.ndarray] | None = None
    for fits in scores:
        values, spread = areas(fits, everybody)[:, 0], areas(fits, draws)
        if len(fits) > 1:
            spread = np.take_along_axis(spread, chosen, axis=0)
        now = float(values.mean()), spread.mean(axis=0)
        gain = (math.nan, np.empty(0))
        if before is not None:
            gain = (now[0] - before[0], now[1] - before[1])
        found.append(
            {
                **{
                    name: {"value": _number(value), **_interval(resampled, coverage)}
                    for name, (value, resampled) in (("roc_auc", now), ("gain", gain))
                },
                "min": _number(values.min()),
                "max": _number(values.max()),
            }
        )
        before = now
    return found


def curves(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    resamples: int,
    coverage: float,
    seed: int,
) -> dict[str, dict[str, np.ndarray]]:
    """ROC and precision-recall curve with bands by bootstrap over groups.

    Parameters are those of `evaluate`.

    Returns
    -------
    dict
        `roc` (false positive rate, true positive rate; straight lines between) and
        `precision_recall` (recall, precision; a precision holds back to the recall before), each
        with the curve's points `x` and `y`, and the percentiles `low` and `high` of the resamples
        at the places `at`. Empty with one label; no places where `evaluate` gives no interval for
        want of groups.
    """
    names, group_of = np.unique(groups, return_inverse=True)
    fake = labels == 1
    (rates,) = _rates(fake, scores, group_of, np.ones((1, len(names))))
    if rates is None:
        return {}
    false_rate, true_rate, precision = rates
    at = np.linspace(0, 1, CURVE_POINTS)
    spread = [
        rates
        for rates in _rates(fake, scores, group_of, _draws(len(names), resamples, seed))
        if rates is not None
    ]
    tail = 50 * (1 - coverage)
    found = {}
    for name, points, resampled in (
        ("roc", (false_rate, true_rate), [np.interp(at, x, y) for x, y, _ in spread]),
        (
            "precision_recall",
            (true_rate, np.append(precision[0], precision)),
            [y[np.searchsorted(x[1:], at).clip(max=len(y) - 1)] for _, x, y in spread],
        ),
    ):
        low, high = (
            np.percentile(resampled, [tail, 100 - tail], axis=0) if resampled else np.empty((2, 0))
        )
        x, y = points
        found[name] = {"x": x, "y": y, "at": at[: len(low)], "low": low, "high": high}
    return found


def reliability(
    labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray
) -> list[dict[str, float]]:
    """What came true of the probabilities, in the bins of `calibration_error`.

    Returns
    -------
    list of dict
        For each bin `n`, the mean `probability`, and the `share` of fakes, with its 95 % interval
        `low` and `high` as of so many independent observations as the bin has groups.
    """
    bin_of = _bins(probabilities)
    found = []
    for number in np.unique(bin_of):
        rows = bin_of == number
        share = float(labels[rows].mean())
        low, high = wilson_interval(share, len(np.unique(groups[rows])))
        probability = float(probabilities[rows].mean())
        found.append(
            {
                "n": int(rows.sum()),
                "probability": probability,
                "share": share,
                "low": low,
                "high": high,
            }
        )
    return found


def _draws(n_groups: int, resamples: int, seed: int) -> np.ndarray:
    """How often each resample holds each group, (resamples, groups)."""
    return np.random.default_rng(seed).multinomial(
        n_groups,
        np.full(n_groups, 1 / n_groups),
        size=resamples if n_groups >= MIN_GROUPS else 0,
    )


def _sums(group_of: np.ndarray, *columns: np.ndarray) -> np.ndarray:
    """Each column's sum within each group, (groups, columns)."""
    return np.stack([np.bincount(group_of, weights=column) for column in columns], axis=1)


def _confusion_cells(fake: np.ndarray, called: np.ndarray) -> list[np.ndarray]:
    return [~fake & ~called, ~fake & called, fake & ~called, fake & called]


def _losses(fake: np.ndarray, scores: np.ndarray) -> list[np.ndarray]:
    """Each row's log loss and Brier score."""
    of_truth = np.where(fake, scores, 1 - scores)
    return [-np.log(np.clip(of_truth, CLOSEST, 1 - CLOSEST)), (1 - of_truth) ** 2]


def _bin_sums(fake: np.ndarray, scores: np.ndarray, group_of: np.ndarray) -> np.ndarray:
    """Score minus label, summed within each group and bin of equal mass, (groups, bins)."""
    bin_of = _bins(scores)
    sums = np.zeros((group_of.max() + 1, bin_of.max() + 1))
    np.add.at(sums, (group_of, bin_of), scores - fake)
    return sums


def _bins(scores: np.ndarray) -> np.ndarray:
    """The number of each row's bin of equal mass, (n,); equal scores share one."""
    n_bins = int(np.clip(len(scores) // MIN_ROWS_PER_BIN, 1, MAX_BINS))
    rank = np.searchsorted(np.sort(scores), scores)  # of the first of equal scores
    return rank * n_bins // len(scores)


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


def _scored(sums: np.ndarray, bins: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics of the scores as probabilities, from rows and losses (k, 3) and bins, (k,)."""
    rows, log_loss, brier = sums.T
    values = log_loss / rows, brier / rows, np.abs(bins).sum(axis=1) / rows
    return dict(zip(SCORED, values, strict=True))


def _ranked(
    fake: np.ndarray, scores: np.ndarray, group_of: np.ndarray, draws: np.ndarray
) -> dict[str, np.ndarray]:
    """The metrics of the order of scores for each row of `draws` (k, groups), each (k,)."""
    reals = np.count_nonzero(~fake)
    found = np.full((len(draws), len(RANKED)), np.nan)
    for row, rates in enumerate(_rates(fake, scores, group_of, draws)):
        if rates is not None:
            false_rate, true_rate, precision = rates
            found[row] = (
                np.trapezoid(true_rate, false_rate),
                _equal_error_rate(false_rate, true_rate),
                (np.diff(true_rate) * precision).sum(),
                *(
                    true_rate[np.searchsorted(false_rate, share, side="right") - 1]
                    if reals * share >= 1
                    else np.nan
                    for share in FALSE_SHARES
                ),
            )
    return dict(zip(RANKED, found.T, strict=True))


def _rates(
    fake: np.ndarray, scores: np.ndarray, group_of: np.ndarray, draws: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray] | None]:
    """For each row of `draws` (k, groups), false and true positive rate at each distinct score, the
    highest first, both after a leading 0, and the precision there; None where a label is missing.

    The scores are sorted once for all draws; scikit-learn's `roc_curve` sorts each time, which
    made the thousand resamples cost more than finding the faces.
    """
    order = np.argsort(-scores, kind="stable")
    fake, group_of = fake[order], group_of[order]
    last_of_ties = np.flatnonzero(np.diff(scores[order], append=np.inf))
    for draw in draws:
        weight = draw[group_of]
        true_pos = np.cumsum(weight * fake)[last_of_ties]
        called = np.cumsum(weight)[last_of_ties]
        false_pos = called - true_pos
        if true_pos[-1] and false_pos[-1]:
            yield (
                np.append(0, false_pos / false_pos[-1]),
                np.append(0, true_pos / true_pos[-1]),
                true_pos / np.maximum(called, 1),
            )
        else:
            yield None


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


def _rank_parts(fake: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Each row's part in the difference of two AUCs, (n,); they add up to it.

    Swapping a row's ranks between the experiments turns its part's sign round: for a fake, the part
    is how much larger a share of the reals (their ranks in both experiments together) lies below
    its first rank than below its second; for a real, of the fakes above it (ties count half).
    """
    if fake.all() or not fake.any():
        return np.full(len(fake), np.nan)
    ranks = [_ranks(scores) for scores in (first, second)]
    parts = np.zeros(len(fake))
    for of_class, side in ((fake, 1), (~fake, -1)):
        others = np.sort(np.concatenate([side * rank[~of_class] for rank in ranks]))
        for rank, sign in zip(ranks, (1, -1), strict=True):
            below = _twice_below(others, side * rank[of_class])
            parts[of_class] += sign * below / (2 * len(others) * of_class.sum())
    return parts


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks from 0, equal scores sharing theirs; doubled, so that they are whole numbers."""
    return _twice_below(np.sort(scores), scores)


def _twice_below(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Twice the number of `ordered` values below each of `values`, ties counting half."""
    return np.searchsorted(ordered, values) + np.searchsorted(ordered, values, side="right")


def _sign_flip_p_value(parts: np.ndarray, resamples: int, seed: int) -> float:
    """Share of sign patterns whose sum is at least as far from 0 as that of `parts` (groups,)."""
    if not np.isfinite(parts).all() or (len(parts) > ALL_FLIPS and not resamples):
        return math.nan
    if len(parts) <= ALL_FLIPS:
        signs = np.array(list(product((1, -1), repeat=len(parts))))
    else:
        rng = np.random.default_rng(seed)
        signs = np.ones((resamples + 1, len(parts)))  # the first is what was seen
        signs[1:] = rng.choice((1, -1), size=(resamples, len(parts)))
    tolerance = 1e-12  # sums of the same numbers in another order
    return float(np.mean(np.abs(signs @ parts) >= abs(parts.sum()) - tolerance))


def _interval(values: np.ndarray, coverage: float) -> dict[str, float | None]:
    """Percentiles of the resamples in which the metric is defined; None if fewer than half are, or
    if all are the same."""
    defined = values[np.isfinite(values)]
    if len(values) == 0 or len(defined) < len(values) / 2 or np.ptp(defined) < 1e-9:
        return {"low": None, "high": None}
    tail = 50 * (1 - coverage)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return {"low": _number(low), "high": _number(high)}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share seen in n independent observations (Wilson 1927)."""
    z = 1.959964
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)

"""Metrics of fake scores, per frame and per video, with bootstrap intervals over groups of people.

Each metric is a function of sums over groups, or of one sorted list of scores, so a resample costs
a matrix product or a pass over the list.

- `average_precision`: area under the precision-recall curve, as a sum of steps like scikit-learn's.
- `tpr_at_1pct_fpr`, `tpr_at_5pct_fpr`: the highest true positive rate up to that false positive
  rate. None with fewer than 100 or 20 real rows, which are too few to measure such a rate.
- `log_loss` (natural logarithm; scores have six decimals and are clipped to 1e-6 from 0 and 1) and
  `brier` score (Brier 1950).
- `calibration_error`: expected calibration error with bins of equal mass (Naeini et al. 2015): the
  mean distance, weighted by rows, between a bin's mean score and its fraction of fakes. At most 10
  bins of at least 10 rows each; equal scores share a bin, and all resamples use the same bins. Few
  rows bias it upwards: chance alone moves a bin of 10 rows by about 0.1.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

THRESHOLD_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
RANKING_METRICS = ("roc_auc", "eer", "average_precision", "tpr_at_1pct_fpr", "tpr_at_5pct_fpr")
PROBABILITY_METRICS = ("log_loss", "brier", "calibration_error")
FALSE_POSITIVE_RATES = (0.01, 0.05)
MIN_GROUPS = 5  # resamples of fewer groups say next to nothing about other people
EPSILON = 1e-6  # distance to which the log loss clips scores of 0 and 1
MAX_BINS, MIN_ROWS_PER_BIN = 10, 10
CURVE_POINTS = 201  # where a curve's band is computed
MAX_EXACT_GROUPS = 12  # the permutation test tries every sign pattern up to here


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
    n_resamples: int,
    confidence_level: float,
    seed: int,
) -> dict[str, Any]:
    """All metrics, each with a percentile bootstrap interval (Efron 1979) over groups.

    Whole groups are resampled: frames of one person are alike, so resampling frames would make the
    intervals too narrow. There is no interval with fewer than 5 groups, or if all resamples give
    the same value (a perfect score on few people does not prove perfection).

    Parameters
    ----------
    labels : (n,) int
        0 = real, 1 = fake.
    scores : (n,) float
        Predicted fake at or above `threshold`.
    probabilities : (n,) float
        Calibrated probability of fake, for log loss, Brier score and calibration error.
    groups : (n,) str
    threshold : float
    n_resamples : int
        0 for no intervals.
    confidence_level : float
        Between 0 and 1.
    seed : int

    Returns
    -------
    dict
        `n`, `groups`, `confusion` with the counts, and for each metric `{"value", "low", "high"}`;
        None where it is undefined (AUC with one class, precision without positive predictions).
    """
    names, group_of = np.unique(groups, return_inverse=True)
    draws = _draw_groups(len(names), n_resamples, seed)
    fake, predicted = labels == 1, scores >= threshold
    cells = _sum_by_group(
        group_of, ~fake & ~predicted, ~fake & predicted, fake & ~predicted, fake & predicted
    )
    of_truth = np.where(fake, probabilities, 1 - probabilities)
    log_losses = -np.log(np.clip(of_truth, EPSILON, 1 - EPSILON))
    losses = _sum_by_group(group_of, np.ones(len(labels)), log_losses, (1 - of_truth) ** 2)
    bin_of = _assign_bins(probabilities)
    bin_errors = np.zeros((len(names), bin_of.max() + 1))
    np.add.at(bin_errors, (group_of, bin_of), probabilities - fake)

    values = {
        **_threshold_metrics(draws @ cells),
        **_ranking_metrics(fake, scores, group_of, draws),
        **_probability_metrics(_weigh(draws, losses), _weigh(draws, bin_errors)),
    }
    confusion = ("real_called_real", "real_called_fake", "fake_called_real", "fake_called_fake")
    return {
        "n": len(labels),
        "groups": len(names),
        "confusion": dict(zip(confusion, map(int, cells.sum(axis=0)), strict=True)),
        **{name: _estimate(values[name], confidence_level) for name in values},
    }


def evaluate_subgroups(
    subgroups: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    **settings: Any,
) -> dict[str, dict[str, Any]]:
    """`evaluate` for the fakes of each subgroup: a method, compression or data set.

    They are evaluated with the real rows of the same subgroup (a compression has its own), or with
    all real rows if it has none (a method). Subgroups without fakes are left out.

    `subgroups` (n,) str is empty where unknown; `settings` are those of `evaluate`.
    """
    results = {}
    for subgroup in np.unique(subgroups[(labels == 1) & (subgroups != "")]):
        rows = subgroups == subgroup
        if labels[rows].all():
            rows |= labels == 0
        results[str(subgroup)] = evaluate(
            labels[rows], scores[rows], probabilities[rows], groups[rows], **settings
        )
    return results


def compare(
    labels: np.ndarray,
    scores: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
    thresholds: tuple[float, float],
    n_resamples: int,
    confidence_level: float,
    seed: int,
) -> dict[str, Any]:
    """How much better the first of two experiments is than the second, on the same rows.

    The interval is the bootstrap's over groups, with the same resamples for both experiments. The
    p-value is that of a two-sided paired permutation test: under the null hypothesis, a group's
    predictions can be swapped between the experiments (for AUC its ranks, which need no common
    scale, Venkatraman & Begg 1996). Up to 12 groups all permutations are tried, beyond that
    `n_resamples` random ones. With 5 groups it cannot fall below 2/32, however large the
    difference; a bootstrap p-value could.

    Parameters
    ----------
    labels : (n,) int
    scores : two of (n,) float
    groups : (n,) str
    thresholds : two floats
    n_resamples, confidence_level, seed
        As for `evaluate`.

    Returns
    -------
    dict
        `n`, `groups`, and for `accuracy` and `roc_auc` `{"difference", "low", "high", "p_value"}`;
        None where it is undefined.
    """
    names, group_of = np.unique(groups, return_inverse=True)
    draws = _draw_groups(len(names), n_resamples, seed)
    fake = labels == 1
    correct = [(s >= t) == fake for s, t in zip(scores, thresholds, strict=True)]
    sums = _sum_by_group(group_of, np.ones(len(labels)), *correct, _auc_differences(fake, *scores))
    rows, first, second = (draws @ sums[:, :3]).T
    aucs = [_ranking_metrics(fake, score, group_of, draws)["roc_auc"] for score in scores]
    result: dict[str, Any] = {"n": len(labels), "groups": len(names)}
    for metric, values, of_groups in (
        ("accuracy", (first - second) / rows, (sums[:, 1] - sums[:, 2]) / len(labels)),
        ("roc_auc", aucs[0] - aucs[1], sums[:, 3]),
    ):
        estimate = _estimate(values, confidence_level)
        p_value = _rounded(_permutation_p_value(of_groups, n_resamples, seed))
        result[metric] = {"difference": estimate.pop("value"), **estimate, "p_value": p_value}
    return result


def evaluate_training_sizes(
    labels: np.ndarray,
    scores: Sequence[Sequence[np.ndarray]],
    groups: np.ndarray,
    n_resamples: int,
    confidence_level: float,
    seed: int,
) -> list[dict[str, Any]]:
    """How the AUC on the same rows grows with the training part.

    Parameters
    ----------
    labels : (n,) int
    scores : for each size of the training part its fits, (n,) float each
        Smallest first. Fit i of each size belongs to repeat i; a size may have a single fit, if all
        its repeats would be the same.
    groups : (n,) str
    n_resamples, confidence_level, seed
        As for `evaluate`; a resample draws groups, and repeats too.

    Returns
    -------
    list of dict
        For each size `roc_auc`, the mean of its fits, as `{"value", "low", "high"}`; `min` and
        `max` of the fits; and `gain`, the mean minus that of the previous size on the same
        resamples, in the same form.
    """
    names, group_of = np.unique(groups, return_inverse=True)
    draws = _draw_groups(len(names), n_resamples, seed)
    repeats = max(map(len, scores))
    # a random stream of its own
    chosen = np.random.default_rng([seed, 1]).integers(repeats, size=(repeats, len(draws) - 1))
    results = []
    previous = np.full(1, math.nan)
    for fits in scores:
        aucs = np.array(
            [_ranking_metrics(labels == 1, fit, group_of, draws)["roc_auc"] for fit in fits]
        )
        resampled = aucs[:, 1:]
        if len(fits) > 1:
            resampled = np.take_along_axis(resampled, chosen, axis=0)
        means = np.append(aucs[:, 0].mean(), resampled.mean(axis=0))
        results.append(
            {
                "roc_auc": _estimate(means, confidence_level),
                "gain": _estimate(means - previous, confidence_level),
                "min": _rounded(aucs[:, 0].min()),
                "max": _rounded(aucs[:, 0].max()),
            }
        )
        previous = means
    return results


def compute_curves(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    n_resamples: int,
    confidence_level: float,
    seed: int,
) -> dict[str, dict[str, np.ndarray]]:
    """ROC and precision-recall curves with bootstrap bands; parameters as for `evaluate`.

    Returns
    -------
    dict
        `roc` (false positive rate, true positive rate; linear between points) and
        `precision_recall` (recall, precision; constant back to the previous recall), each with the
        curve's points `x` and `y`, and the percentiles `low` and `high` of the resamples at the x
        values `at`. Empty with one class; `at` is empty where `evaluate` gives no intervals.
    """
    names, group_of = np.unique(groups, return_inverse=True)
    draws = _draw_groups(len(names), n_resamples, seed)
    rates, *resampled = _error_rates(labels == 1, scores, group_of, draws)
    if rates is None:
        return {}
    defined = [each for each in resampled if each is not None]
    at = np.linspace(0, 1, CURVE_POINTS)
    fpr, tpr, precision = rates
    curves = {
        "roc": (fpr, tpr, [np.interp(at, x, y) for x, y, _ in defined]),
        "precision_recall": (
            tpr,
            np.append(precision[0], precision),
            [y[np.searchsorted(x[1:], at).clip(max=len(y) - 1)] for _, x, y in defined],
        ),
    }
    tail = 50 * (1 - confidence_level)
    result = {}
    for name, (x, y, bands) in curves.items():
        low, high = np.percentile(bands, [tail, 100 - tail], axis=0) if bands else np.empty((2, 0))
        result[name] = {"x": x, "y": y, "at": at[: len(low)], "low": low, "high": high}
    return result


def compute_reliability(
    labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray
) -> list[dict[str, float]]:
    """The reliability diagram of calibrated probabilities, in the bins of `calibration_error`.

    Returns
    -------
    list of dict
        For each bin `n`, the mean `probability`, and the `share` of fakes with its 95 % interval,
        `low` and `high`, for as many independent observations as the bin has groups.
    """
    bin_of = _assign_bins(probabilities)
    result = []
    for rows in (bin_of == number for number in np.unique(bin_of)):
        share = float(labels[rows].mean())
        low, high = wilson_interval(share, len(np.unique(groups[rows])))
        result.append(
            {
                "n": int(rows.sum()),
                "probability": float(probabilities[rows].mean()),
                "share": share,
                "low": low,
                "high": high,
            }
        )
    return result


def estimate_columns(name: str, estimate: Mapping[str, Any]) -> dict[str, Any]:
    """A table's columns for a metric's value and interval: `name`, `name_low`, `name_high`."""
    return {name if key == "value" else f"{name}_{key}": x for key, x in estimate.items()}


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a proportion in n independent observations (Wilson 1927)."""
    z = 1.959964
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _draw_groups(n_groups: int, n_resamples: int, seed: int) -> np.ndarray:
    """How often each group counts, (1 + resamples, groups): in the data, then in each resample."""
    size = n_resamples if n_groups >= MIN_GROUPS else 0
    shares = np.full(n_groups, 1 / n_groups)
    resamples = np.random.default_rng(seed).multinomial(n_groups, shares, size=size)
    return np.vstack([np.ones(n_groups, int), resamples])


def _sum_by_group(group_of: np.ndarray, *columns: np.ndarray) -> np.ndarray:
    """Each column's sum within each group, (groups, columns)."""
    return np.stack([np.bincount(group_of, weights=column) for column in columns], axis=1)


def _weigh(draws: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The sums of each draw, (k, columns). Those of the data are computed apart: the last digit of
    a matrix product depends on its number of rows."""
    return np.vstack([draws[:1] @ sums, draws[1:] @ sums])


def _assign_bins(scores: np.ndarray) -> np.ndarray:
    """The number of each row's bin of equal mass, (n,); equal scores share one."""
    n_bins = int(np.clip(len(scores) // MIN_ROWS_PER_BIN, 1, MAX_BINS))
    rank = np.searchsorted(np.sort(scores), scores)  # of the first of equal scores
    return rank * n_bins // len(scores)


def _threshold_metrics(cells: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics of confusion counts (k, 4), each (k,)."""
    true_neg, false_pos, false_neg, true_pos = cells.T
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = true_pos / (true_pos + false_neg)
        specificity = true_neg / (true_neg + false_pos)
        values = (
            (true_pos + true_neg) / cells.sum(axis=1),
            (recall + specificity) / 2,
            true_pos / (true_pos + false_pos),
            recall,
            2 * true_pos / (2 * true_pos + false_pos + false_neg),
        )
    return dict(zip(THRESHOLD_METRICS, values, strict=True))


def _probability_metrics(losses: np.ndarray, bin_errors: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics of probabilities, each (k,), from the sums of rows, log losses and Brier scores
    (k, 3), and of probability minus label per bin (k, bins)."""
    rows, log_loss, brier = losses.T
    values = log_loss / rows, brier / rows, np.abs(bin_errors).sum(axis=1) / rows
    return dict(zip(PROBABILITY_METRICS, values, strict=True))


def _ranking_metrics(
    fake: np.ndarray, scores: np.ndarray, group_of: np.ndarray, draws: np.ndarray
) -> dict[str, np.ndarray]:
    """The metrics of the order of scores for each row of `draws` (k, groups), each (k,)."""
    reals = np.count_nonzero(~fake)
    values = np.full((len(draws), len(RANKING_METRICS)), np.nan)
    for row, rates in enumerate(_error_rates(fake, scores, group_of, draws)):
        if rates is not None:
            fpr, tpr, precision = rates
            values[row] = (
                np.trapezoid(tpr, fpr),
                np.interp(0, fpr + tpr - 1, fpr),  # equal error rate: FPR = 1 - TPR
                (np.diff(tpr) * precision).sum(),
                *(
                    tpr[np.searchsorted(fpr, rate, side="right") - 1]
                    if reals * rate >= 1
                    else np.nan
                    for rate in FALSE_POSITIVE_RATES
                ),
            )
    return dict(zip(RANKING_METRICS, values.T, strict=True))


def _error_rates(
    fake: np.ndarray, scores: np.ndarray, group_of: np.ndarray, draws: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray] | None]:
    """For each row of `draws` (k, groups): false and true positive rate at each distinct score,
    highest first, both after a leading 0, and the precision there; None if a class is missing.

    The scores are sorted once for all draws. scikit-learn's `roc_curve` sorts each time: a thousand
    resamples then cost more than the face detection.
    """
    order = np.argsort(-scores, kind="stable")
    fake, group_of = fake[order], group_of[order]
    last_of_ties = np.flatnonzero(np.diff(scores[order], append=np.inf))
    for draw in draws:
        weight = draw[group_of]
        true_pos = np.cumsum(weight * fake)[last_of_ties]
        predicted = np.cumsum(weight)[last_of_ties]
        false_pos = predicted - true_pos
        if true_pos[-1] and false_pos[-1]:
            yield (
                np.append(0, false_pos / false_pos[-1]),
                np.append(0, true_pos / true_pos[-1]),
                true_pos / np.maximum(predicted, 1),
            )
        else:
            yield None


def _auc_differences(fake: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Each row's contribution to the difference of two AUCs, (n,); they add up to it.

    Swapping a row's ranks between the experiments flips its contribution's sign. For a fake it is
    the fraction of reals (their ranks in both experiments pooled) below its first rank minus that
    below its second; for a real, of the fakes above it (ties count half).
    """
    if fake.all() or not fake.any():
        return np.full(len(fake), np.nan)
    ranks = [_twice_below(np.sort(scores), scores) for scores in (first, second)]  # whole numbers
    contributions = np.zeros(len(fake))
    for of_class, side in ((fake, 1), (~fake, -1)):
        others = np.sort(np.concatenate([side * rank[~of_class] for rank in ranks]))
        below = [_twice_below(others, side * rank[of_class]) for rank in ranks]
        contributions[of_class] = (below[0] - below[1]) / (2 * len(others) * of_class.sum())
    return contributions


def _twice_below(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Twice the number of `ordered` values below each of `values`, ties counting half."""
    return np.searchsorted(ordered, values) + np.searchsorted(ordered, values, side="right")


def _permutation_p_value(differences: np.ndarray, n_resamples: int, seed: int) -> float:
    """The fraction of sign patterns whose sum is at least as far from 0 as that of the groups'
    `differences` (groups,)."""
    n_groups = len(differences)
    if not np.isfinite(differences).all() or (n_groups > MAX_EXACT_GROUPS and not n_resamples):
        return math.nan
    if n_groups <= MAX_EXACT_GROUPS:
        signs = np.array(list(product((1, -1), repeat=n_groups)))
    else:
        signs = np.ones((n_resamples + 1, n_groups))  # the first row is the observed pattern
        signs[1:] = np.random.default_rng(seed).choice((1, -1), size=(n_resamples, n_groups))
    tolerance = 1e-12  # sums of the same numbers in another order
    return float(np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - tolerance))


def _estimate(values: np.ndarray, confidence_level: float) -> dict[str, float | None]:
    """A metric's value in the data (the first of `values`), with percentiles of its resamples (the
    others). These are None if fewer than half are defined, or all are equal."""
    resamples = values[1:]
    defined = resamples[np.isfinite(resamples)]
    low = high = math.nan
    if len(resamples) and len(defined) >= len(resamples) / 2 and np.ptp(defined) >= 1e-9:
        tail = 50 * (1 - confidence_level)
        low, high = np.percentile(defined, [tail, 100 - tail])
    return {"value": _rounded(values[0]), "low": _rounded(low), "high": _rounded(high)}


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)

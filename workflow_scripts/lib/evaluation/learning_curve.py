"""Learning curve: how well a model does on unseen people when it was trained on fewer.

Models are trained on a half, a quarter, an eighth and so on of the training part's groups, several
times on different ones, and tested on the same test part. Within a repeat, smaller subsets are part
of larger ones. The hyper-parameters are those selected on the whole training part.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workflow_scripts.lib.evaluation.metrics import MIN_GROUPS

MIN_USEFUL_GAIN = 0.02  # of AUC: a smaller one does not justify collecting more videos


def choose_groups(
    groups: np.ndarray, labels: np.ndarray, halvings: int, repeat: int, seed: int
) -> np.ndarray:
    """Choose groups to train on: all of them, halved `halvings` times (rounded up).

    Groups with real videos only, with fakes only, and with both are shuffled separately and taken
    in proportion to their number, so each subset has about the same mix as the whole. It has at
    least two groups, which bootstrapping over people needs, and both labels if the whole has.

    Parameters
    ----------
    groups, labels : (n,) str
        Of the training part's rows.
    halvings, repeat, seed : int

    Returns
    -------
    (k,) str
        The chosen groups. With the same repeat and seed, fewer halvings add groups to these.
    """
    names, group_of = np.unique(groups, return_inverse=True)
    words = np.unique(labels)
    has = np.stack([np.bincount(group_of, labels == word) > 0 for word in words], axis=1)
    stratum_of = np.where(has.all(axis=1), -1, has.argmax(axis=1))  # groups with both come first
    rank = np.empty(len(names))
    for stratum in np.unique(stratum_of):
        members = np.flatnonzero(stratum_of == stratum)
        rng = np.random.default_rng([seed, repeat, int(stratum) + 1])
        rank[rng.permutation(members)] = np.arange(len(members)) / len(members)
    order = np.lexsort((stratum_of, rank))
    n_for_all_labels = 1 + int(np.argmax(np.logical_or.accumulate(has[order]).all(axis=1)))
    return names[order[: max(2, n_for_all_labels, math.ceil(len(names) / 2**halvings))]]


def advise(rows: Sequence[Mapping[Any, Any]], confidence_level: float) -> str:
    """Whether more people would help, in a sentence.

    `rows` are an experiment's rows of `learning_curve.tsv`, smallest first. The last step, from
    about half of the groups to all, decides: more would help if the interval of its gain is above
    0, and would not if it stays below `MIN_USEFUL_GAIN`; otherwise the question is open.
    """
    if len(rows) < 2:
        return "There are too few groups of people in the training data for a curve."
    before, last = rows[-2:]
    step = f"from {before['train_groups']} to {last['train_groups']} groups of people"
    gain, low, high = (last[name] for name in ("gain", "gain_low", "gain_high"))
    if last["test_groups"] < MIN_GROUPS:
        return (
            "It is unknown whether more people would help: the test part has "
            f"{last['test_groups']} groups of people, and an interval needs {MIN_GROUPS}."
        )
    if any(value is None or math.isnan(value) for value in (gain, low, high)):
        return (
            f"It is unknown whether more people would help: {step} the predictions hardly change "
            "on the test part, or the config asks for no intervals."
        )
    change = (
        f"{step} the AUC changed by {gain:+.3f} "
        f"({confidence_level:.0%} interval {low:+.3f} to {high:+.3f})"
    )
    if low > 0:
        return f"More people are likely to help: {change}."
    if high < MIN_USEFUL_GAIN:
        return f"More people are unlikely to help: {change}, less than {MIN_USEFUL_GAIN:g} at best."
    return f"More people may or may not help: {change}. A larger test part would show it."

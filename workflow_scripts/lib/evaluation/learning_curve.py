"""Learning curve: what a model is worth on unseen people when it has learnt from fewer.

Models are trained on a half, a quarter, an eighth and so on of the training part's groups, several
times on other ones, and tested on the same test part. Within a repeat, smaller choices are part of
larger ones. Settings are those that the validation chose on the whole training part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.lib.evaluation.metrics import MIN_GROUPS

__all__ = ["WORTH", "advice", "advise", "choose_groups"]

WORTH = 0.02  # a gain in AUC for which it is worth looking for more videos


def choose_groups(
    groups: np.ndarray, labels: np.ndarray, halvings: int, repeat: int, seed: int
) -> np.ndarray:
    """Choose groups to train on: all of them, halved so many times (rounded up).

    Groups of real videos only, of fakes only, and of both are each gone through in a random order,
    at the pace of their number, so that every choice has about the shares of the whole. It has at
    least two groups, as a forest that draws bags of people needs, and both labels, where the whole
    has them.

    Parameters
    ----------
    groups, labels : (n,) str
        Of the training part's rows.
    halvings, repeat, seed : int

    Returns
    -------
    (k,) str
        The chosen groups. With the same repeat and seed, fewer halvings choose these and more.
    """
    names, group_of = np.unique(groups, return_inverse=True)
    words = np.unique(labels)
    has = np.stack([np.bincount(group_of, labels == word) > 0 for word in words], axis=1)
    kind = np.where(has.all(axis=1), -1, has.argmax(axis=1))  # groups of everything come first
    rank = np.empty(len(names))
    for number in np.unique(kind):
        of_kind = np.flatnonzero(kind == number)
        rng = np.random.default_rng([seed, repeat, int(number) + 1])
        rank[rng.permutation(of_kind)] = np.arange(len(of_kind)) / len(of_kind)
    order = np.lexsort((kind, rank))
    needed = 1 + int(np.argmax(np.logical_or.accumulate(has[order]).all(axis=1)))
    return names[order[: max(2, needed, math.ceil(len(names) / 2**halvings))]]


def advise(table: pd.DataFrame, confidence_level: float) -> dict[str, str]:
    """`advice` for each experiment of `learning_curve.tsv`."""
    names = table["experiment"].unique().tolist()
    return {
        name: advice(table[table["experiment"] == name].to_dict("records"), confidence_level)
        for name in names
    }


def advice(sizes: Sequence[Mapping[Any, Any]], confidence_level: float) -> str:
    """Whether more people would help, in a sentence.

    `sizes` are an experiment's rows of `learning_curve.tsv`, smallest first. The last step decides,
    from about half of the groups to all: a gain whose interval lies above 0 promises more, one
    whose interval stays below `WORTH` promises nothing worth having, and anything else is open.
    """
    if len(sizes) < 2:
        return "There are too few people to learn from for a curve."
    before, last = sizes[-2:]
    step = f"from {before['train_groups']} to {last['train_groups']} groups of people"
    gain, low, high = (last[name] for name in ("gain", "gain_low", "gain_high"))
    if last["test_groups"] < MIN_GROUPS:
        return (
            "Whether more people would help cannot be told: the test part has "
            f"{last['test_groups']} groups of people, and an interval needs {MIN_GROUPS}."
        )
    if any(value is None or math.isnan(value) for value in (gain, low, high)):
        return (
            f"Whether more people would help cannot be told: {step} the answers to the test part "
            "hardly change, or no intervals were asked for."
        )
    said = (
        f"{step} the AUC changed by {gain:+.3f} "
        f"({confidence_level:.0%} interval {low:+.3f} to {high:+.3f})"
    )
    if low > 0:
        return f"More people are likely to help: {said}."
    if high < WORTH:
        return f"More people would hardly help: {said}, less than {WORTH:g} at best."
    return f"Whether more people would help is open: {said}. A larger test part would tell."

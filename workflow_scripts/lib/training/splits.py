"""Protocols: how a run's crops are divided into training and test.

`identity` is the honest one: no person stands on both sides. `video` and `frame` leak; they are
kept because the literature uses them, and are called leaky wherever they appear.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import UNKNOWN

__all__ = ["APART", "TEST", "TRAIN", "Leak", "assign_folds", "divide", "find_leak", "leak_name"]

TRAIN, TEST = "train", "test"  # the manifest's third part, "validation", is used by neither
APART = ("identity", "official")  # the protocols whose models have not seen everybody


@dataclass(frozen=True)
class Leak:
    """How many videos and groups stand on both sides of a split, and how many videos show people
    about whom nothing is known."""

    videos: int
    groups: int
    unknown: int

    @property
    def word(self) -> str:
        """`video` (frames of one video stand on both sides), `person` (a group does), `unknown`
        (the same person may: nobody said who is in the videos), or `no`."""
        if self.videos:
            return "video"
        if self.groups:
            return "person"
        return "unknown" if self.unknown else "no"


def divide(units: np.ndarray, strata: np.ndarray, test_fraction: float, seed: int) -> np.ndarray:
    """Divide rows into training and test, keeping each unit together and the strata's shares.

    The units are gone through in a seeded random order; a unit joins the test part when that
    brings the test part's count in each stratum closer to its share (least squares, each
    stratum's error relative to its size).

    Parameters
    ----------
    units : (n,) str or int
        What must stay together: groups, videos, or single rows.
    strata : (n,) str
        What the shares are kept of, for example label and method.
    test_fraction : float
        Wanted share of the test part, between 0 and 1.
    seed : int
        Seed of the order.

    Returns
    -------
    (n,) str
        `train` or `test` for each row.

    Raises
    ------
    UserError
        There are fewer than two units, so nothing can be divided.
    """
    names, unit_of = np.unique(units, return_inverse=True)
    if len(names) < 2:
        raise UserError(
            "The split needs at least two independent groups of people, and the videos form "
            f"{len(names)}. Add videos of other people, or take a leaky protocol "
            "(splits.protocols) and say so."
        )
    levels, stratum_of = np.unique(strata, return_inverse=True)
    counts = np.zeros((len(names), len(levels)))
    np.add.at(counts, (unit_of, stratum_of), 1)
    sizes = counts.sum(axis=0)
    wanted = sizes * test_fraction

    in_test = np.zeros(len(names), bool)
    have = np.zeros(len(levels))
    for unit in np.random.default_rng(seed).permutation(len(names)):
        error = (((have - wanted) / sizes) ** 2).sum()
        error_with = (((have + counts[unit] - wanted) / sizes) ** 2).sum()
        if error_with < error:
            in_test[unit] = True
            have += counts[unit]
    _keep_both_parts(in_test, counts, wanted)
    return np.where(in_test[unit_of], TEST, TRAIN)


def _keep_both_parts(in_test: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> None:
    """Few large units can leave a part empty: give it the unit that fits it best."""
    if in_test.any() and not in_test.all():
        return
    target = wanted if not in_test.any() else counts.sum(axis=0) - wanted
    best = np.argmin((((counts - target) / counts.sum(axis=0)) ** 2).sum(axis=1))
    in_test[best] = not in_test[best]


def assign_folds(units: np.ndarray, strata: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Number the parts of a cross-validation, keeping each unit together and the strata's shares.

    The largest units come first, equal ones in a seeded random order; each joins the fold that has
    least of its strata so far, relative to their sizes.

    Parameters
    ----------
    units, strata : (n,)
        As for `divide`.
    folds : int
        With fewer units some folds stay empty.
    seed : int

    Returns
    -------
    (n,) int
        0 to `folds` - 1 for each row.
    """
    names, unit_of = np.unique(units, return_inverse=True)
    levels, stratum_of = np.unique(strata, return_inverse=True)
    counts = np.zeros((len(names), len(levels)))
    np.add.at(counts, (unit_of, stratum_of), 1)
    shares = counts / counts.sum(axis=0)

    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    fold_of = np.empty(len(names), int)
    have = np.zeros((folds, len(levels)))
    for unit in order:
        # what the sum of squares of `have` would grow by; ties go to the emptiest fold
        growth = (have @ shares[unit]).round(12)
        fold_of[unit] = np.lexsort((have.sum(axis=1).round(12), growth))[0]
        have[fold_of[unit]] += shares[unit]
    return fold_of[unit_of]


def find_leak(parts: np.ndarray, videos: np.ndarray, groups: np.ndarray) -> Leak:
    """Count the videos and groups that stand in both the training and the test part, and the
    videos whose people are unknown.

    All three are (n,), one entry per row.
    """
    unknown = np.char.startswith(groups.astype(str), UNKNOWN) & np.isin(parts, (TRAIN, TEST))
    return Leak(
        videos=_shared(parts, videos),
        groups=_shared(parts, groups),
        unknown=len(np.unique(videos[unknown])),
    )


def leak_name(word: str) -> str:
    """What a table says of `Leak.word`: leaky splits are called so wherever they appear."""
    return f"leaky: {word}" if word in ("person", "video") else word


def _shared(parts: np.ndarray, names: np.ndarray) -> int:
    pairs = {(part, name) for part, name in zip(parts, names, strict=True) if part in (TRAIN, TEST)}
    return sum(sides == 2 for sides in Counter(name for _, name in pairs).values())

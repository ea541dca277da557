"""Protocols: how a run's crops are divided into training and test data.

`identity` is honest: no person is in both. `video` and `frame` leak; they exist because the
literature uses them, and are marked as leaky wherever they appear.
"""

from dataclasses import dataclass

import numpy as np

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import UNKNOWN, LeakStatus

TRAIN, TEST = "train", "test"  # the manifest's third split, "validation", is not used
APART = ("identity", "official")  # protocols that keep people apart


@dataclass(frozen=True)
class Leak:
    """The numbers of videos and groups in both the training and the test data, and of videos of
    unknown people."""

    videos: int
    groups: int
    unknown: int

    @property
    def word(self) -> LeakStatus:
        """What the two share."""
        if self.videos:
            return LeakStatus.VIDEO
        if self.groups:
            return LeakStatus.PERSON
        return LeakStatus.UNKNOWN if self.unknown else LeakStatus.NO


def split_train_test(
    units: np.ndarray, strata: np.ndarray, test_fraction: float, seed: int
) -> np.ndarray:
    """Divide rows into training and test data; units stay whole, strata keep their proportions.

    The units are visited in a seeded random order. A unit joins the test data if that brings the
    test counts of the strata closer to their targets (least squares of the relative errors).

    Parameters
    ----------
    units : (n,) str or int
        What must stay together: groups, videos, or single rows.
    strata : (n,) str
        For example label and method.
    test_fraction : float
        Target for the test data, between 0 and 1.
    seed : int

    Returns
    -------
    (n,) str
        `train` or `test` for each row.

    Raises
    ------
    UserError
        There are fewer than two units.
    """
    unit_of, counts = _count_strata(units, strata)
    if len(counts) < 2:
        raise UserError(
            "The split needs at least two independent groups of people, and the videos form "
            f"{len(counts)}. Add videos of other people, or use a leaky protocol "
            "(splits.protocols) and say so."
        )
    sizes = counts.sum(axis=0)

    test_sizes = sizes * test_fraction

    def errors(counts: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return (((counts - targets) / sizes) ** 2).sum(axis=-1)

    in_test = np.zeros(len(counts), bool)
    total = np.zeros(len(sizes))
    for unit in np.random.default_rng(seed).permutation(len(counts)):
        if errors(total + counts[unit], test_sizes) < errors(total, test_sizes):
            in_test[unit] = True
            total += counts[unit]
    # a few large units can leave one side empty: move the unit that fits it best
    if not in_test.any():
        in_test[np.argmin(errors(counts, test_sizes))] = True
    elif in_test.all():
        in_test[np.argmin(errors(counts, sizes - test_sizes))] = False
    return np.where(in_test[unit_of], TEST, TRAIN)


def assign_folds(units: np.ndarray, strata: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Assign cross-validation folds; units stay whole, strata keep their proportions.

    The largest units come first, equal ones in a seeded random order. Each joins the fold that has
    the fewest rows of its strata so far, relative to the strata's sizes. (scikit-learn's
    `StratifiedGroupKFold` balances uneven groups less well, and takes two seconds to import.)

    Parameters
    ----------
    units, strata : (n,)
        As for `split_train_test`.
    folds : int
        With fewer units, some folds are empty.
    seed : int

    Returns
    -------
    (n,) int
        0 to `folds` - 1 for each row.
    """
    unit_of, counts = _count_strata(units, strata)
    shares = counts / counts.sum(axis=0)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    fold_of = np.empty(len(counts), int)
    filled = np.zeros((folds, counts.shape[1]))
    for unit in order:
        # the growth of the sum of squares of `filled`; ties go to the emptiest fold
        growth = (filled @ shares[unit]).round(12)
        fold_of[unit] = np.lexsort((filled.sum(axis=1).round(12), growth))[0]
        filled[fold_of[unit]] += shares[unit]
    return fold_of[unit_of]


def _count_strata(units: np.ndarray, strata: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of each row's unit, and the rows of each stratum in each unit, (units, strata)."""
    names, unit_of = np.unique(units, return_inverse=True)
    levels, stratum_of = np.unique(strata, return_inverse=True)
    counts = np.zeros((len(names), len(levels)))
    np.add.at(counts, (unit_of, stratum_of), 1)
    return unit_of, counts


def find_leak(splits: np.ndarray, videos: np.ndarray, groups: np.ndarray) -> Leak:
    """Count the videos and groups in both the training and the test data, and the videos of
    unknown people.

    All three are (n,), one entry per row.
    """
    train, test = splits == TRAIN, splits == TEST
    unknown = np.char.startswith(groups.astype(str), UNKNOWN) & (train | test)
    return Leak(
        videos=len(np.intersect1d(videos[train], videos[test])),
        groups=len(np.intersect1d(groups[train], groups[test])),
        unknown=len(np.unique(videos[unknown])),
    )


def leak_name(word: str) -> str:
    """`Leak.word` as tables write it, with leaky splits marked as such."""
    return f"leaky: {word}" if word in (LeakStatus.PERSON, LeakStatus.VIDEO) else str(word)

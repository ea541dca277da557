"""A random forest for pixels: exact, and made for matrices of many more bytes than rows.

`PixelForestClassifier` keeps scikit-learn's contract and its meaning: bags, candidate columns,
thresholds and importances are defined as in `RandomForestClassifier` (or, with `extra_trees`, in
`ExtraTreesClassifier`). It differs in what it takes, whole numbers from 0 to 255, and in what that
allows. `lib/training/pixel_forest/growth.py` says how the trees grow.

The matrix is never copied when it comes column by column: `X` of shape (rows, features) in Fortran
order, which is what `load_columns(...).T` is, in memory or in a memory-mapped file.

Tree t depends only on the data, the parameters, the seed and t. So the first 100 trees of a forest
of 2000 are the forest of 100 trees: `staged_predict_proba` gives the answers of several sizes for
the price of the largest.
"""

from __future__ import annotations

import math
import mmap
import numbers
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from workflow_scripts.lib.training.pixel_forest.growth import (
    MAX_ROWS,
    Data,
    Rules,
    grow_trees,
    transpose_into,
    walk,
)

__all__ = ["PixelForestClassifier", "check_parameters", "load_columns", "map_columns"]

BYTES = (np.float64, np.uint8)  # what is no uint8 array comes as float64
ROWS_AT_ONCE = 64  # 20 MB of the study's crops: they stay in the cache while all trees are asked


class PixelForestClassifier(ClassifierMixin, BaseEstimator):
    """A random forest on bytes.

    Parameters
    ----------
    n_estimators : int
        Number of trees.
    criterion : "gini" or "entropy"
        What a split is to lower.
    max_features : "sqrt", "log2", int, float or None
        How many columns a node draws: a function of the number of columns, a number, a share, or
        all. As in scikit-learn, a node whose draws are all constant goes on to the first draw that
        is not.
    max_depth : int or None
        Depth at which nodes become leaves. There is no `max_leaf_nodes`: it asks for the best node
        of the whole tree first, and these trees grow a level at a time.
    min_samples_split, min_samples_leaf : int
        Rows that a node needs to be split, and that each of its children must have. A row that the
        bag holds several times counts once.
    class_weight : None, "balanced" or dict
        Weights of the classes.
    bootstrap : bool
        Draw each tree's bag, with replacement; otherwise all trees see all rows.
    oob_score : bool
        Keep for each row what the trees say that had it not in their bag.
    extra_trees : bool
        Draw one threshold for each drawn column at random, instead of searching the best.
    random_state : int, RandomState or None
        The seed; None draws one from the operating system.
    n_jobs : int or None
        Threads, as joblib counts them. The forest does not depend on it.

    Attributes
    ----------
    classes_ : (classes,)
    n_features_in_ : int
    feature_names_in_ : (features,) str
        If the columns of `X` had names.
    trees_ : Trees
        All nodes.
    feature_importances_ : (features,) float64
        Mean decrease of impurity.
    oob_decision_function_ : (rows, classes) float64
        Mean of the trees that had the row not in their bag; NaN where there is none.
    oob_score_ : float
        Accuracy of that.
    """

    # as scikit-learn's own estimators say what they take
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_estimators": [Interval(numbers.Integral, 1, None, closed="left")],
        "criterion": [StrOptions({"gini", "entropy"})],
        "max_features": [
            StrOptions({"sqrt", "log2"}),
            Interval(numbers.Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0.0, 1.0, closed="right"),
            None,
        ],
        "max_depth": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "min_samples_split": [Interval(numbers.Integral, 2, None, closed="left")],
        "min_samples_leaf": [Interval(numbers.Integral, 1, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "bootstrap": ["boolean"],
        "oob_score": ["boolean"],
        "extra_trees": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [numbers.Integral, None],
    }

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "gini",
        max_features: str | float | None = "sqrt",
        max_depth: int | None = None,
        min_samples_split: int = 2,
        min_samples_leaf: int = 1,
        class_weight: str | dict[Any, float] | None = None,
        bootstrap: bool = True,
        oob_score: bool = False,
        extra_trees: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.criterion = criterion
        self.max_features = max_features
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.class_weight = class_weight
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.extra_trees = extra_trees
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,  # noqa: N803 (scikit-learn's name)
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
    ) -> Self:
        """Grow the forest.

        Parameters
        ----------
        X : (rows, features) uint8
            Or any numbers that are whole and from 0 to 255. Fortran order saves a copy.
        y : (rows,)
            Classes.
        sample_weight : (rows,) float, optional
            Rows of weight 0 are left out.
        groups : (rows,), optional
            Rows of one group are drawn into a bag together, so that a row's out-of-bag trees
            have seen nothing of its group.
        """
        check_parameters(self)
        X, y = validate_data(self, X, y, dtype=BYTES)  # noqa: N806
        check_classification_targets(y)
        columns = np.ascontiguousarray(self._as_bytes(X).T)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(y) > MAX_ROWS:
            raise ValueError(f"The forest takes up to {MAX_ROWS} rows, and X has {len(y)}.")
        if groups is not None and not self.bootstrap:
            raise ValueError("Groups are drawn into bags, and bootstrap is False.")
        data = Data(
            columns,
            codes.astype(np.int32),
            None if sample_weight is None else _check_weights(sample_weight, len(y)),
            compute_class_weight(self.class_weight, classes=self.classes_, y=y),
            np.arange(len(y)) if groups is None else _number(groups, len(y)),
        )
        rules = Rules(
            seed=_seed(self.random_state),
            bootstrap=self.bootstrap,
            max_features=_count_features(self.max_features, len(columns)),
            max_depth=np.iinfo(np.int32).max if self.max_depth is None else self.max_depth,
            min_samples_split=self.min_samples_split,
            min_samples_leaf=self.min_samples_leaf,
            entropy=self.criterion == "entropy",
            random_cuts=self.extra_trees,
        )
        threads = effective_n_jobs(self.n_jobs)
        self.trees_ = grow_trees(data, rules, self.n_estimators, threads, self.oob_score)
        if self.oob_score:
            self._codes = data.codes
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the likeliest class of each row, (rows,)."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return self.classes_[likeliest]

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the mean of the trees' leaves for each row, (rows, classes) float64."""
        check_is_fitted(self)
        return self.staged_predict_proba(X, [self._n_trees()])[0]

    def staged_predict_proba(self, X: Any, sizes: Sequence[int]) -> np.ndarray:  # noqa: N803
        """Return what the forests of the first `sizes` trees say, (sizes, rows, classes).

        It costs what the largest costs.
        """
        check_is_fitted(self)
        counts = self._check_sizes(sizes)
        X = validate_data(self, X, dtype=BYTES, reset=False)  # noqa: N806
        answers = np.empty((len(counts), len(X), len(self.classes_)))
        values = _probabilities(self.trees_.weights)
        tree = self.trees_

        def ask(first: int) -> None:
            block = np.ascontiguousarray(self._as_bytes(X[first : first + ROWS_AT_ONCE]))
            answers[:, first : first + ROWS_AT_ONCE] = walk(
                block, tree.offsets, tree.feature, tree.threshold, tree.left, values, counts
            )

        with ThreadPoolExecutor(effective_n_jobs(self.n_jobs)) as pool:
            list(pool.map(ask, range(0, len(X), ROWS_AT_ONCE)))
        return answers / counts[:, None, None]

    def staged_oob_proba(self, sizes: Sequence[int]) -> np.ndarray:
        """Return the out-of-bag estimates of the first `sizes` trees, (sizes, rows, classes).

        NaN where all trees had the row in their bag.
        """
        check_is_fitted(self)
        if not self.oob_score:
            raise AttributeError("The forest was grown without oob_score=True.")
        counts = self._check_sizes(sizes)
        tree = self.trees_
        values = _probabilities(tree.weights)
        total = np.zeros((tree.oob_leaves.shape[1], len(self.classes_)))
        voters = np.zeros(len(total), np.int64)
        answers = {}
        for number, leaves in enumerate(tree.oob_leaves[: counts[-1]], start=1):
            out = np.flatnonzero(leaves >= 0)
            total[out] += values[tree.offsets[number - 1] + leaves[out]]
            voters[out] += 1
            if number in counts:
                answers[number] = total / np.where(voters, voters, np.nan)[:, None]
        return np.stack([answers[count] for count in counts])

    @property
    def oob_decision_function_(self) -> np.ndarray:
        """Out-of-bag estimates of the whole forest, (rows, classes); NaN where there is none."""
        return self.staged_oob_proba([self._n_trees()])[0]

    @property
    def oob_score_(self) -> float:
        """Accuracy of the out-of-bag estimates, of the rows that have one."""
        estimates = self.oob_decision_function_
        known = ~np.isnan(estimates[:, 0])
        return float((estimates[known].argmax(axis=1) == self._codes[known]).mean())

    @property
    def feature_importances_(self) -> np.ndarray:
        """Mean decrease of impurity by each column, (features,) float64; sums to 1, or is all 0."""
        check_is_fitted(self)
        tree = self.trees_
        whole = tree.weights.sum(axis=1)
        impurity = whole * _impurity(_probabilities(tree.weights), self.criterion)
        inner = np.flatnonzero(tree.left)
        number = np.repeat(np.arange(len(tree.offsets) - 1), np.diff(tree.offsets))[inner]
        left = tree.offsets[number] + tree.left[inner]
        decrease = impurity[inner] - impurity[left] - impurity[left + 1]
        of_tree = np.bincount(number, decrease, minlength=len(tree.offsets) - 1)
        share = decrease / np.where(of_tree > 0, of_tree, 1)[number]
        importance = np.bincount(tree.feature[inner], share, minlength=self.n_features_in_)
        return importance / max(importance.sum(), np.finfo(float).tiny)

    def _as_bytes(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return `X` as uint8, without a copy if it is; refuse what is no byte."""
        if X.dtype == np.uint8:
            return X
        if X.size and not (X.min() >= 0 and X.max() <= 255 and (np.floor(X) == X).all()):
            raise ValueError(
                f"{type(self).__name__} takes bytes: whole numbers from 0 to 255, best as uint8. "
                "Scale and round the values first, or take another model."
            )
        return X.astype(np.uint8)

    def _n_trees(self) -> int:
        """How many were grown: `n_estimators` may be set anew since."""
        return len(self.trees_.offsets) - 1

    def _check_sizes(self, sizes: Sequence[int]) -> np.ndarray:
        counts = np.asarray(sizes, np.int64)
        grown = self._n_trees()
        if not len(counts) or (np.diff(counts, prepend=0) <= 0).any() or counts[-1] > grown:
            raise ValueError(f"The sizes must ascend from 1 to {grown}, the number of trees.")
        return counts


def load_columns(
    read: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]],
    n_rows: int,
    scratch: Path | None = None,
    memory: int = 1 << 30,
) -> np.ndarray:
    """Make a matrix that lies column by column, (features, rows) uint8, of one that comes in rows.

    Parameters
    ----------
    read : callable
        Gives all rows in blocks: their positions (m,), and the rows (m, features) uint8.
    n_rows : int
    scratch : Path, optional
        Write the matrix to this file and map it, instead of holding it in memory. The rows are
        then read several times, each time for as many columns as fit in `memory` bytes.
    memory : int
        See `scratch`.
    """
    n_columns = _count_columns(*next(read()))
    if scratch is None:
        matrix = np.empty((n_columns, n_rows), np.uint8)
        _fill(matrix, 0, read())
        return matrix
    at_once = max(1, memory // n_rows)
    with scratch.open("wb") as file:
        for first in range(0, n_columns, at_once):
            part = np.empty((min(at_once, n_columns - first), n_rows), np.uint8)
            _fill(part, first, read())
            file.write(part.data)
    return map_columns(scratch, n_rows)


def map_columns(path: Path, n_rows: int) -> np.ndarray:
    """Map a file of columns, (features, rows) uint8, for growing: that reads them in order."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_SEQUENTIAL)
    return np.frombuffer(mapped, np.uint8).reshape(-1, n_rows)


def _count_columns(_: np.ndarray, block: np.ndarray) -> int:
    if block.dtype != np.uint8:
        raise ValueError(f"The forest takes bytes, and the features are {block.dtype}.")
    return block.shape[1]


def _fill(part: np.ndarray, first: int, blocks: Iterator[tuple[np.ndarray, np.ndarray]]) -> None:
    for positions, block in blocks:
        transpose_into(part, positions, block[:, first : first + len(part)])


def _number(groups: Any, n_rows: int) -> np.ndarray:
    names, number = np.unique(np.asarray(groups), return_inverse=True)
    if number.shape != (n_rows,):
        raise ValueError(f"groups has shape {number.shape}, and X has {n_rows} rows.")
    if len(names) < 2:
        raise ValueError("All rows are of one group: there is nothing to draw.")
    return number


def _check_weights(sample_weight: Any, n_rows: int) -> np.ndarray:
    weights = np.asarray(sample_weight, np.float64)
    if weights.ndim == 0:
        weights = np.full(n_rows, weights)
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}!")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError("sample_weight must be finite, not negative, and not all zero.")
    return weights


def _seed(random_state: Any) -> int:
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(random_state.randint(np.iinfo(np.int32).max))


def _count_features(max_features: Any, n_features: int) -> int:
    if max_features is None:
        return n_features
    if max_features == "sqrt":
        return max(1, math.isqrt(n_features))
    if max_features == "log2":
        return max(1, int(math.log2(n_features)))
    if isinstance(max_features, numbers.Integral):
        return min(int(max_features), n_features)
    return max(1, int(max_features * n_features))


def check_parameters(forest: PixelForestClassifier) -> None:
    """Refuse parameters that no data make right.

    Raises
    ------
    ValueError
        Names the parameter, its value, and what it takes.
    """
    forest._validate_params()
    if forest.oob_score and not forest.bootstrap:
        raise ValueError("oob_score needs bootstrap: without bags no tree has left a row out.")


def _probabilities(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(axis=1, keepdims=True)


def _impurity(shares: np.ndarray, criterion: str) -> np.ndarray:
    if criterion == "gini":
        return 1 - (shares**2).sum(axis=1)
    return -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)

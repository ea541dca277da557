"""A random forest for pixels: exact, and made for matrices with far more columns than rows.

`PixelForestClassifier` follows scikit-learn's contract: bags, candidate columns, thresholds and
importances are defined as in `RandomForestClassifier` (or, with `extra_trees`, in
`ExtraTreesClassifier`). It takes whole numbers from 0 to 255 only, which is what makes it fast; see
`lib/training/pixel_forest/growth.py`.

A matrix in Fortran order is not copied: `X` of shape (rows, features) as `load_columns(...).T`
returns it, in memory or in a memory-mapped file.

Tree t depends only on the data, the parameters, the seed and t. So the first 100 trees of a forest
of 2000 are the forest of 100 trees, and `staged_predict_proba` predicts with several sizes at the
cost of the largest.
"""

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
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from workflow_scripts.lib.training.pixel_forest.growth import (
    MAX_ROWS,
    Data,
    TreeParams,
    grow_trees,
    sum_leaves,
    transpose_into,
)

DTYPES = (np.float64, np.uint8)  # everything but uint8 is validated as float64
BLOCK_ROWS = 64  # 20 MB of the study's crops: they stay in the cache while all trees predict


class PixelForestClassifier(ClassifierMixin, BaseEstimator):
    """A random forest on bytes.

    Parameters
    ----------
    n_estimators : int
        Number of trees.
    criterion : "gini" or "entropy"
        Impurity that splits lower.
    max_features : "sqrt", "log2", int, float or None
        How many columns a node draws: a function of the number of columns, a number, a fraction,
        or all. As in scikit-learn, a node whose draws are all constant draws until one is not.
    max_depth : int or None
        Depth at which nodes become leaves. There is no `max_leaf_nodes`, which needs trees that
        grow best first; these grow level by level.
    min_samples_split, min_samples_leaf : int
        Rows that a node needs to be split, and that each of its children must have. A row that was
        drawn several times counts once.
    class_weight : None, "balanced" or dict
    bootstrap : bool
        Draw each tree's bag with replacement; otherwise each tree is grown on all rows.
    oob_score : bool
        Follow out-of-bag rows to their leaves, for the out-of-bag estimates.
    extra_trees : bool
        Draw one random threshold per candidate column instead of searching for the best.
    random_state : int, RandomState or None
        The seed, or the generator that draws it; None is NumPy's global one.
    n_jobs : int or None
        Threads, as joblib counts them. The forest does not depend on it.

    Attributes
    ----------
    classes_ : (classes,)
    n_features_in_ : int
    feature_names_in_ : (features,) str
        If the columns of `X` had names.
    trees_ : Trees
    """

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
            Or other whole numbers from 0 to 255. Fortran order avoids a copy.
        y : (rows,)
            Classes.
        sample_weight : (rows,) float, optional
            Rows of weight 0 are left out.
        groups : (rows,), optional
            Rows of one group are drawn into a bag together, so that the out-of-bag estimate of a
            row comes from trees that were not trained on its group.
        """
        check_parameters(self)
        X, y = validate_data(self, X, y, dtype=DTYPES)  # noqa: N806
        check_classification_targets(y)
        columns = np.ascontiguousarray(self._as_bytes(X).T)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(y) > MAX_ROWS:
            raise ValueError(f"X has {len(y)} rows, and the forest takes at most {MAX_ROWS}.")
        if groups is not None and not self.bootstrap:
            raise ValueError("groups need bootstrap=True: bags are drawn from groups.")
        units = np.arange(len(y))
        if groups is not None:
            groups = column_or_1d(groups)
            check_consistent_length(X, groups)
            names, units = np.unique(groups, return_inverse=True)
            if len(names) < 2:
                raise ValueError("All rows belong to one group: bags need at least two groups.")
        if sample_weight is None:
            weights = np.empty(0)
        else:
            weights = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        class_weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        data = Data(columns, codes.astype(np.int32), weights, class_weights, units)
        seed = self.random_state
        if not isinstance(seed, numbers.Integral):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        params = TreeParams(
            seed=int(seed),
            bootstrap=self.bootstrap,
            max_features=_count_features(self.max_features, len(columns)),
            max_depth=np.iinfo(np.int32).max if self.max_depth is None else self.max_depth,
            min_samples_split=self.min_samples_split,
            min_samples_leaf=self.min_samples_leaf,
            entropy=self.criterion == "entropy",
            random_thresholds=self.extra_trees,
        )
        threads = effective_n_jobs(self.n_jobs)
        self.trees_ = grow_trees(data, params, self.n_estimators, threads, self.oob_score)
        if self.oob_score:
            self._codes = data.codes
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the most probable class of each row, (rows,)."""
        most_probable = self.predict_proba(X).argmax(axis=1)  # checks that the forest is fitted
        return self.classes_[most_probable]

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the class probabilities, the mean over the trees, (rows, classes) float64."""
        check_is_fitted(self)
        return self.staged_predict_proba(X, [self._n_trees()])[0]

    def staged_predict_proba(self, X: Any, sizes: Sequence[int]) -> np.ndarray:  # noqa: N803
        """Return the class probabilities by the forests of the first `sizes` trees, (sizes, rows,
        classes) float64, at the cost of the largest."""
        check_is_fitted(self)
        counts = self._check_sizes(sizes)
        X = validate_data(self, X, dtype=DTYPES, reset=False)  # noqa: N806
        sums = np.empty((len(counts), len(X), len(self.classes_)))
        offsets, feature, threshold, left, weights, _ = self.trees_
        values = _normalise(weights)

        def predict_block(first: int) -> None:
            block = np.ascontiguousarray(self._as_bytes(X[first : first + BLOCK_ROWS]))
            sums[:, first : first + BLOCK_ROWS] = sum_leaves(
                block, offsets, feature, threshold, left, values, counts
            )

        with ThreadPoolExecutor(effective_n_jobs(self.n_jobs)) as pool:
            list(pool.map(predict_block, range(0, len(X), BLOCK_ROWS)))
        return sums / counts[:, None, None]

    def staged_oob_proba(self, sizes: Sequence[int]) -> np.ndarray:
        """Return the out-of-bag estimates of the first `sizes` trees, (sizes, rows, classes)
        float64; NaN for rows that are in the bag of each tree."""
        check_is_fitted(self)
        if not self.oob_score:
            raise AttributeError("The forest has no out-of-bag estimates: fit with oob_score=True.")
        counts = self._check_sizes(sizes)
        offsets, _, _, _, weights, oob_leaves = self.trees_
        values = _normalise(weights)
        total = np.zeros((oob_leaves.shape[1], len(self.classes_)))
        n_trees = np.zeros(len(total))
        stages = []
        for t, leaves in enumerate(oob_leaves[: counts[-1]]):
            out = np.flatnonzero(leaves >= 0)
            total[out] += values[offsets[t] + leaves[out]]
            n_trees[out] += 1
            if t + 1 in counts:
                stages.append(total / np.where(n_trees, n_trees, np.nan)[:, None])
        return np.stack(stages)

    @property
    def oob_decision_function_(self) -> np.ndarray:
        """Out-of-bag estimates of all trees, (rows, classes) float64; NaN where there are none."""
        return self.staged_oob_proba([self._n_trees()])[0]

    @property
    def oob_score_(self) -> float:
        """Accuracy of the out-of-bag estimates, over the rows that have one."""
        estimates = self.oob_decision_function_
        valid = ~np.isnan(estimates[:, 0])
        return float((estimates[valid].argmax(axis=1) == self._codes[valid]).mean())

    @property
    def feature_importances_(self) -> np.ndarray:
        """Mean decrease in impurity per column, (features,) float64; sums to 1, or is all 0."""
        check_is_fitted(self)
        offsets, feature, _, left, weights, _ = self.trees_
        impurity = weights.sum(axis=1) * _impurity(_normalise(weights), self.criterion)
        inner = np.flatnonzero(left)
        tree = np.repeat(np.arange(self._n_trees()), np.diff(offsets))[inner]
        child = offsets[tree] + left[inner]
        decrease = impurity[inner] - impurity[child] - impurity[child + 1]
        per_tree = np.bincount(tree, decrease, minlength=self._n_trees())
        share = decrease / np.where(per_tree > 0, per_tree, 1)[tree]
        importance = np.bincount(feature[inner], share, minlength=self.n_features_in_)
        return importance / max(importance.sum(), np.finfo(float).tiny)

    def _as_bytes(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return `X` as uint8, without a copy if it is already."""
        if X.dtype == np.uint8:
            return X
        if X.size and not (X.min() >= 0 and X.max() <= 255 and (np.floor(X) == X).all()):
            raise ValueError(
                f"{type(self).__name__} takes bytes: whole numbers from 0 to 255, preferably as "
                "uint8. Scale and round the values first, or use another model."
            )
        return X.astype(np.uint8)

    def _n_trees(self) -> int:
        """The number of fitted trees: `n_estimators` may have been changed since."""
        return len(self.trees_.offsets) - 1

    def _check_sizes(self, sizes: Sequence[int]) -> np.ndarray:
        counts = np.asarray(sizes, np.int64)
        n_trees = self._n_trees()
        if not len(counts) or (np.diff(counts, prepend=0) <= 0).any() or counts[-1] > n_trees:
            raise ValueError(f"sizes must be ascending numbers from 1 to {n_trees}, not {sizes}.")
        return counts


def load_columns(
    read: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]],
    n_rows: int,
    scratch: Path | None = None,
    memory: int = 1 << 30,
) -> np.ndarray:
    """Make a matrix stored by column, (features, rows) uint8, from one that is read by row.

    Parameters
    ----------
    read : callable
        Yields all rows in blocks: their positions (m,), and the rows (m, features) uint8.
    n_rows : int
    scratch : Path, optional
        Write the matrix to this file and map it, instead of keeping it in memory. The rows are
        read several times, each time for as many columns as fit into `memory` bytes.
    memory : int
        See `scratch`.
    """
    _, block = next(read())
    if block.dtype != np.uint8:
        raise ValueError(f"The forest takes bytes, and the features are {block.dtype}.")
    n_columns = block.shape[1]

    def load(first: int, last: int) -> np.ndarray:
        columns = np.empty((last - first, n_rows), np.uint8)
        for positions, block in read():
            transpose_into(columns, positions, block[:, first:last])
        return columns

    if scratch is None:
        return load(0, n_columns)
    step = max(1, memory // n_rows)
    with scratch.open("wb") as file:
        for first in range(0, n_columns, step):
            file.write(load(first, min(first + step, n_columns)).data)
    return map_columns(scratch, n_rows)


def map_columns(path: Path, n_rows: int) -> np.ndarray:
    """Map a file of columns, (features, rows) uint8, for sequential reading."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(mmap.MADV_SEQUENTIAL)
    return np.frombuffer(mapped, np.uint8).reshape(-1, n_rows)


def check_parameters(forest: PixelForestClassifier) -> None:
    """Check the parameters without data.

    Raises
    ------
    ValueError
        Names the parameter, its value, and the values allowed.
    """
    forest._validate_params()
    if forest.oob_score and not forest.bootstrap:
        raise ValueError("oob_score needs bootstrap=True: without bags, no row is out of bag.")


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


def _normalise(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(axis=1, keepdims=True)


def _impurity(probabilities: np.ndarray, criterion: str) -> np.ndarray:
    if criterion == "gini":
        return 1 - (probabilities**2).sum(axis=1)
    logs = np.log2(np.where(probabilities > 0, probabilities, 1))
    return -(probabilities * logs).sum(axis=1)

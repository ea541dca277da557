"""Linear models: logistic regression, the linear SVM, linear discriminant analysis."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from workflow_scripts.lib.training.array_models.model import ArrayModel

MIN_DISTANCE = 1e-6  # log-odds; closer to the base value, the curve is replaced by its tangent
MAX_VALUE = 1e18  # far above any trained model's, and low enough that nothing overflows


@dataclass(frozen=True)
class ArrayLinear(ArrayModel):
    """A weighted sum of standardised columns, the log-odds of fake. The scores are those of the
    trained model up to rounding: scikit-learn sums in float32 if the input is, this in float64."""

    DTYPES: ClassVar[dict[str, str]] = dict.fromkeys(
        ("mean", "scale", "weight", "intercept"), "float64"
    )

    mean: np.ndarray  # (columns,) of the training data
    scale: np.ndarray  # (columns,) of the training data
    weight: np.ndarray  # (columns,)
    intercept: np.ndarray  # (1,)

    @classmethod
    def from_estimator(cls, model: Any) -> Self:
        """Convert a fitted pipeline: a scaler, and a linear model of real and fake."""
        scaler, linear = model[0], model[-1]
        return cls(
            columns=int(scaler.n_features_in_),
            mean=scaler.mean_,
            scale=scaler.scale_,
            weight=linear.coef_[0].astype(np.float64),
            intercept=linear.intercept_.astype(np.float64),
        )

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """See `ArrayModel.scores`."""
        return _logistic(self._standardise(matrix) @ self.weight + self.intercept)

    def contributions(self, matrix: np.ndarray) -> tuple[float, np.ndarray]:
        """See `ArrayModel.contributions`.

        Integrated gradients (Sundararajan 2017) along the straight line from the mean of the
        training data, whose score is the base value, to the row. Since the log-odds are a sum,
        that is the column's term times the mean slope of the curve along the line.
        """
        base_value = float(_logistic(self.intercept)[0])
        terms = self._standardise(matrix) * self.weight
        distance = terms.sum(axis=1)
        rise = _logistic(distance + self.intercept) - base_value
        near = np.abs(distance) < MIN_DISTANCE
        tangent = base_value * (1 - base_value)
        slope = np.where(near, tangent, rise / np.where(near, 1, distance))
        return base_value, terms * slope[:, None]

    def _standardise(self, matrix: np.ndarray) -> np.ndarray:
        """Like scikit-learn's scaler, which keeps float32."""
        self.check_matrix(matrix)
        dtype = np.float32 if matrix.dtype == np.float32 else np.float64
        centred = np.subtract(matrix, self.mean, dtype=dtype)
        return np.divide(centred, self.scale, out=centred, dtype=dtype)

    def check(self) -> None:
        """Raise ValueError if the numbers cannot give scores."""
        for name in self.DTYPES:
            self.check_array(name, 1 if name == "intercept" else self.columns)
            if not (np.abs(getattr(self, name)) < MAX_VALUE).all():
                raise ValueError(f"{name} contains values that no trained model has")
        if not (self.scale > 1 / MAX_VALUE).all():
            raise ValueError("the scale of a column is not positive")


def _logistic(log_odds: np.ndarray) -> np.ndarray:
    """The probability of log-odds, without overflow."""
    return np.exp(-np.logaddexp(0, -log_odds))

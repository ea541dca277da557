"""Models whose decision is a weighted sum of scaled columns: logistic regression, the linear SVM,
linear discriminant analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from workflow_scripts.lib.training.array_models.model import ArrayModel

__all__ = ["ArrayLinear"]

NEAR = 1e-6  # log-odds; so near to the start, the curve is its tangent
LARGEST = 1e18  # no trained model comes near it, and smaller numbers overflow nowhere


@dataclass(frozen=True)
class ArrayLinear(ArrayModel):
    """A weighted sum of scaled columns, as log-odds of fake. The scores are those of the trained
    model up to its rounding: of float32, scikit-learn makes sums in float32, here in float64.

    Attributes
    ----------
    mean, scale : (columns,) float64
        Of the training part. A column counts as its distance from the mean, in scales.
    weight : (columns,) float64
    intercept : (1,) float64
        What the sum starts at.
    """

    KINDS: ClassVar[dict[str, str]] = dict.fromkeys(
        ("mean", "scale", "weight", "intercept"), "float64"
    )

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    intercept: np.ndarray

    @classmethod
    def of(cls, model: Any) -> Self:
        """The arrays of a fitted pipeline: a scaler, and a linear model of real and fake."""
        scaler, linear = model[0], model[-1]
        return cls(
            columns=int(scaler.n_features_in_),
            mean=scaler.mean_,
            scale=scaler.scale_,
            weight=linear.coef_[0].astype(np.float64),
            intercept=linear.intercept_.astype(np.float64),
        )

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """The score of fake of each row of `matrix` (n, columns), (n,) float64."""
        return _logistic(self._scaled(matrix) @ self.weight + self.intercept)

    def contributions(self, matrix: np.ndarray) -> tuple[float, np.ndarray]:
        """By how much each column moved each row's score.

        The way from the mean of the training part's faces, straight to the row's: each column's
        share in the rise of the curve all along (integrated gradients, Sundararajan 2017). As the
        log-odds are a sum, that is the column's part of it, times the mean slope on the way.

        Returns
        -------
        (bias, moves)
            The score at the mean, and (n, columns) float64: together they make the score.
        """
        start = float(_logistic(self.intercept)[0])
        parts = self._scaled(matrix) * self.weight
        way = parts.sum(axis=1)
        risen = _logistic(way + self.intercept) - start
        near = np.abs(way) < NEAR
        slope = np.where(near, start * (1 - start), risen / np.where(near, 1, way))
        return start, parts * slope[:, None]

    def _scaled(self, matrix: np.ndarray) -> np.ndarray:
        """As scikit-learn scales: what comes as float32 stays so."""
        self.check_matrix(matrix)
        kind = np.float32 if matrix.dtype == np.float32 else np.float64
        scaled = np.subtract(matrix, self.mean, dtype=kind)
        return np.divide(scaled, self.scale, out=scaled, dtype=kind)

    def check(self) -> None:
        """Refuse numbers of which no score can be made."""
        for name in self.KINDS:
            self.check_array(name, 1 if name == "intercept" else self.columns)
            if not (np.abs(getattr(self, name)) < LARGEST).all():
                raise ValueError(f"{name} holds what no trained model has")
        if not (self.scale > 1 / LARGEST).all():
            raise ValueError("a column has no scale")


def _logistic(log_odds: np.ndarray) -> np.ndarray:
    """The probability of log-odds, however large they are."""
    return np.exp(-np.logaddexp(0, -log_odds))

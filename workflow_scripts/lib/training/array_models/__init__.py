"""Trained models as plain arrays, for judging.

A judged video gives a handful of rows. To ask a model about them takes a millisecond; to import
scikit-learn, skops or Numba takes longer than to find the faces. So a bundle holds a model in a
form that needs NumPy alone, where there is one: `MODELS` says which.

The file is an uncompressed `.npz` of the form's arrays, without pickle; the bundle that holds it is
versioned and has its checksum.
"""

from __future__ import annotations

from workflow_scripts.lib.training.array_models.forest import PlainForest
from workflow_scripts.lib.training.array_models.linear import PlainLinear
from workflow_scripts.lib.training.array_models.model import PlainModel

__all__ = ["FORMS", "PlainForest", "PlainLinear", "PlainModel"]

FORMS: dict[str, type[PlainModel]] = {"forest": PlainForest, "linear": PlainLinear}

"""Trained models as arrays, which NumPy alone can ask.

A judged video gives a handful of rows. To ask a model about them takes a millisecond; to import
scikit-learn, skops or Numba takes longer than to find the faces. So a run and a bundle keep a model
in such a form, where there is one: `MODELS` says which.

The file is an uncompressed `.npz` of the form's arrays, without pickle.
"""

from __future__ import annotations

from workflow_scripts.lib.training.array_models.forest import ArrayForest
from workflow_scripts.lib.training.array_models.linear import ArrayLinear
from workflow_scripts.lib.training.array_models.model import ArrayModel

__all__ = ["FORMS", "ArrayForest", "ArrayLinear", "ArrayModel"]

FORMS: dict[str, type[ArrayModel]] = {"forest": ArrayForest, "linear": ArrayLinear}

"""Trained models as arrays, which need only NumPy to predict.

A verdict scores a handful of rows. That takes a millisecond, whereas importing scikit-learn, skops
or Numba takes longer than detecting the faces. A run and a bundle therefore store a model as
arrays if its entry in `MODELS` names a form: an uncompressed `.npz` without pickle.
"""

from workflow_scripts.lib.training.array_models.forest import ArrayForest
from workflow_scripts.lib.training.array_models.linear import ArrayLinear
from workflow_scripts.lib.training.array_models.model import ArrayModel

__all__ = ["FORMS", "ArrayForest", "ArrayLinear", "ArrayModel"]

FORMS: dict[str, type[ArrayModel]] = {"forest": ArrayForest, "linear": ArrayLinear}

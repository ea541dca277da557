"""The models that an experiment can use; one entry in `MODELS` adds a model."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from workflow_scripts.lib.common.errors import UserError

# What estimators raise about parameters, some only when they see the data
WRONG_SETTINGS = (ValueError, TypeError, NotImplementedError)
REMEDY = "Correct the experiment's params or grid."


@dataclass(frozen=True)
class Model:
    """An estimator and its properties."""

    estimator: str  # its import path
    parameters: tuple[str, ...] = ()  # that a config may set
    bytes_per_cell: float = 5  # memory for training per cell of the matrix, with all copies
    seeded: bool = True  # whether it takes `random_state`
    threaded: bool = False  # whether it takes `n_jobs`
    form: str = ""  # its key in `array_models.FORMS`; if empty, it is stored with skops
    scaled: bool = False  # whether columns are standardised first
    only_bytes: bool = False  # whether it takes only uint8
    prefix: str = ""  # a parameter for which one fit covers all smaller values

    @property
    def made_of_trees(self) -> bool:
        """Whether it has feature importances."""
        return self.form == "forest"


_TREE = (
    "criterion",
    "max_depth",
    "min_samples_split",
    "min_samples_leaf",
    "max_features",
    "class_weight",
)
_FOREST = ("n_estimators", "bootstrap", "max_samples", "max_leaf_nodes", *_TREE)
_PIXEL_FOREST = ("n_estimators", "bootstrap", "extra_trees", *_TREE)

# Bytes per cell: as the reference study measured for its forests, SVMs and logistic regression
MODELS = {
    "pixel_forest": Model(
        "workflow_scripts.lib.training.pixel_forest.classifier.PixelForestClassifier",
        _PIXEL_FOREST,
        bytes_per_cell=1.25,
        threaded=True,
        form="forest",
        only_bytes=True,
        prefix="n_estimators",
    ),
    "random_forest": Model(
        "sklearn.ensemble.RandomForestClassifier", _FOREST, threaded=True, form="forest"
    ),
    "extra_trees": Model(
        "sklearn.ensemble.ExtraTreesClassifier", _FOREST, threaded=True, form="forest"
    ),
    "decision_tree": Model(
        "sklearn.tree.DecisionTreeClassifier",
        ("splitter", "max_leaf_nodes", *_TREE),
        form="forest",
    ),
    "logistic_regression": Model(
        "sklearn.linear_model.LogisticRegression",
        ("C", "l1_ratio", "solver", "max_iter", "class_weight"),
        bytes_per_cell=24,
        scaled=True,
        form="linear",
    ),
    "linear_svm": Model(
        "sklearn.svm.LinearSVC",
        ("C", "loss", "max_iter", "class_weight"),
        bytes_per_cell=18,
        scaled=True,
        form="linear",
    ),
    "rbf_svm": Model(
        "sklearn.svm.SVC", ("C", "gamma", "class_weight"), bytes_per_cell=18, scaled=True
    ),
    "nearest_neighbours": Model(
        "sklearn.neighbors.KNeighborsClassifier",
        ("n_neighbors", "weights", "metric"),
        bytes_per_cell=18,
        seeded=False,
        threaded=True,
        scaled=True,
    ),
    "lda": Model(
        "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
        ("solver", "shrinkage"),
        bytes_per_cell=24,
        seeded=False,
        scaled=True,
        form="linear",
    ),
    "qda": Model(
        "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis",
        ("solver", "shrinkage", "reg_param"),
        bytes_per_cell=24,
        seeded=False,
        scaled=True,
    ),
    "dummy": Model("sklearn.dummy.DummyClassifier", ("strategy",), bytes_per_cell=1),
}


def make_model(name: str, params: dict[str, Any], seed: int, threads: int) -> Any:
    """Make an unfitted classifier of the registry's entry `name`."""
    model = MODELS[name]
    settings = dict(params)
    if model.seeded:
        settings["random_state"] = seed
    if model.threaded:
        settings["n_jobs"] = threads
    module, _, class_name = model.estimator.rpartition(".")
    estimator = getattr(import_module(module), class_name)(**settings)
    if not model.scaled:
        return estimator
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), estimator)


def memory_need(name: str, rows: int, columns: int) -> float:
    """The memory that training takes, in MB, in addition to Python itself."""
    return rows * columns * MODELS[name].bytes_per_cell / 1e6


def fit_model(
    name: str, model: Any, matrix: np.ndarray, labels: np.ndarray, units: np.ndarray
) -> None:
    """Fit a model of the registry's entry `name`.

    Parameters
    ----------
    name : str
    model : estimator
    matrix : (n, features)
    labels : (n,) int
    units : (n,)
        What the protocol keeps together; a pixel forest draws its bags from them.

    Raises
    ------
    UserError
        A parameter's value is invalid, in general or for these data.
    """
    settings = {}
    if MODELS[name].only_bytes and model.bootstrap:
        if len(np.unique(units)) < 2:
            raise UserError(
                f"{name}: the training data are one group of people, but its trees draw from "
                "groups. Add videos of other people, or set the parameter bootstrap: false."
            )
        settings["groups"] = units
    try:
        model.fit(matrix, labels, **settings)
    except WRONG_SETTINGS as error:
        raise UserError(f"{name}: {error} {REMEDY}") from error

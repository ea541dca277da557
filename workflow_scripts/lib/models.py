"""The models that an experiment can name, how they are made, and how they are kept.

A model joins by one entry in `MODELS`. Models are stored with skops, or as arrays, never with
pickle: loading one can't run code.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.run import ZIP_EPOCH, UserError, written_aside

__all__ = [
    "MODELS",
    "N_ESTIMATORS",
    "REMEDY",
    "Model",
    "fake_scores",
    "fit_model",
    "load_model",
    "make_model",
    "memory_need",
    "save_model",
]

N_ESTIMATORS = 100  # a forest's trees where nobody says
# What estimators raise about parameters, some only where they meet the data
WRONG_SETTINGS = (ValueError, TypeError, NotImplementedError)
REMEDY = "Correct the experiment's params or grid."
_TREE_TYPE = "sklearn.tree._tree.Tree"


@dataclass(frozen=True)
class Model:
    """An estimator by its import path, and what has to be known of it.

    Attributes
    ----------
    estimator : str
    parameters : tuple of str
        What a config may set.
    bytes_per_cell : float
        Memory that training needs for each cell of the matrix, all copies together.
    seeded, threaded : bool
        Whether it is given `random_state` and `n_jobs`.
    form : str
        The plain form that judging asks, see `lib/plain`; "" where there is none.
    scaled : bool
        Whether columns are brought to mean 0 and variance 1 first.
    only_bytes : bool
        Whether it takes nothing but uint8.
    prefix : str
        The parameter of which a fit answers for all smaller values too, if there is one.
    """

    estimator: str
    parameters: tuple[str, ...] = ()
    bytes_per_cell: float = 5
    seeded: bool = True
    threaded: bool = False
    form: str = ""
    scaled: bool = False
    only_bytes: bool = False
    prefix: str = ""

    @property
    def made_of_trees(self) -> bool:
        """Whether it tells how much each feature counted."""
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

# Bytes per cell: what the reference study measured for its forests, SVMs and logistic regression.
MODELS = {
    "pixel_forest": Model(
        "workflow_scripts.lib.forest.PixelForestClassifier",
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
    """Make an unfitted classifier of the registry with the config's parameters."""
    model = MODELS[name]
    settings = dict(params)
    if model.seeded:
        settings["random_state"] = seed
    if model.threaded:
        settings["n_jobs"] = threads
    estimator = _estimator_class(name)(**settings)
    if not model.scaled:
        return estimator
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), estimator)


def memory_need(name: str, rows: int, columns: int) -> float:
    """MB that training takes, beside what Python itself does."""
    return rows * columns * MODELS[name].bytes_per_cell / 1e6


def _estimator_class(name: str) -> Any:
    module, _, class_name = MODELS[name].estimator.rpartition(".")
    return getattr(import_module(module), class_name)


def fit_model(
    name: str,
    model: Any,
    matrix: np.ndarray,
    labels: np.ndarray,
    units: np.ndarray,
    **settings: Any,
) -> None:
    """Fit a model of the registry's entry `name`.

    Parameters
    ----------
    name : str
    model : estimator
    matrix : (n, features)
    labels : (n,) int
    units : (n,)
        What the protocol keeps together; a pixel forest draws its bags of them.
    settings
        Further arguments of a pixel forest's `fit`.

    Raises
    ------
    UserError
        A parameter has a value that the estimator does not take, or that these data don't allow.
    """
    if MODELS[name].only_bytes and model.bootstrap:
        if len(np.unique(units)) < 2:
            raise UserError(
                f"{name}: what is to be trained on is one group of people, and its trees draw "
                "among groups. Add videos of other people, or set the parameter bootstrap: false."
            )
        settings["groups"] = units
    try:
        model.fit(matrix, labels, **settings)
    except WRONG_SETTINGS as error:
        raise UserError(f"{name}: {error} {REMEDY}") from error


def fake_scores(model: Any, matrix: np.ndarray, sizes: Sequence[int] = ()) -> np.ndarray:
    """Score of `fake` for each row of `matrix`, between 0 and 1: (n,) float64.

    A model without probabilities gives the logistic function of its decision value. With `sizes`,
    a pixel forest's scores after so many trees: (sizes, n).

    Forests of scikit-learn add their trees up in one thread: the order of a sum shows in its last
    digits.

    Raises
    ------
    UserError
        A parameter does not allow it: more neighbours than there are rows, for example.
    """
    if hasattr(model, "n_jobs") and not len(sizes):
        model.n_jobs = 1
    try:
        return _scores_of_fake(model, matrix, sizes)
    except WRONG_SETTINGS as error:
        raise UserError(f"{error} {REMEDY}") from error


def _scores_of_fake(model: Any, matrix: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    fake = list(model.classes_).index(1)
    if len(sizes):
        return model.staged_predict_proba(matrix, sizes)[:, :, fake]
    if hasattr(model, "predict_proba"):
        return model.predict_proba(matrix)[:, fake]
    from scipy.special import expit

    return expit(model.decision_function(matrix))


def save_model(path: Path, name: str, model: Any) -> None:
    """Write a model of the registry's entry `name`, the same bytes for the same model, whatever
    trained it."""
    if MODELS[name].only_bytes:
        from workflow_scripts.lib.forest import save_forest

        save_forest(path, model)
        return
    import skops.io

    for part in getattr(model, "named_steps", {"": model}).values():
        if hasattr(part, "n_jobs"):
            part.n_jobs = None
    with written_aside(path) as aside:
        aside.write_bytes(_without_addresses(skops.io.dumps(model)))


def load_model(path: Path, name: str) -> Any:
    """Read a model of the registry's entry `name`; anything else is refused.

    Raises
    ------
    UserError
        The file is another model, is damaged, or holds types that are not trusted.
    """
    if MODELS[name].only_bytes:
        from workflow_scripts.lib.forest import load_forest

        return load_forest(path)
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        model = skops.io.load(path, trusted=[_TREE_TYPE])
        if [type(part) for part in _parts(model)] != [
            type(part) for part in _parts(make_model(name, {}, 0, 1))
        ]:
            raise ValueError(f"it is no {name}")
        if MODELS[name].made_of_trees:
            for member in getattr(model, "estimators_", [model]):
                _check_tree(member.tree_, model.n_features_in_, len(model.classes_))
    except UntrustedTypesFoundException as error:
        raise UserError(f"The model {path} holds types that are not trusted: {error}.") from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,  # what zipfile raises for encryption, and NotImplementedError
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        OSError,
    ) as error:
        raise UserError(
            f"The model {path} cannot be read ({error}). Delete it and run snakemake again."
        ) from error
    return model


def _parts(model: Any) -> list[Any]:
    return [model, *getattr(model, "named_steps", {}).values()]


def _check_tree(tree: Any, n_features: int, n_classes: int) -> None:
    """Refuse a tree whose nodes point outside: scikit-learn follows them without looking."""
    if tree.node_count != tree.capacity or tree.n_features != n_features:
        raise ValueError("a tree does not fit its model")
    if tree.value.shape[1:] != (1, n_classes):
        raise ValueError("a tree has other classes than its model")
    node = np.arange(tree.node_count)
    inner = tree.children_left != -1
    for children in (tree.children_left, tree.children_right):
        # children come after their parent, so that every path ends
        if (children[inner] <= node[inner]).any() or (children >= tree.node_count).any():
            raise ValueError("a tree has a path that leads nowhere")
    if (tree.children_right[~inner] != -1).any() or tree.node_count == 0:
        raise ValueError("a tree has a broken leaf")
    if (tree.feature[inner] < 0).any() or (tree.feature[inner] >= n_features).any():
        raise ValueError("a tree asks for a feature that does not exist")


def _without_addresses(archive: bytes) -> bytes:
    """Number skops' objects in order of appearance instead of by memory address, and leave out
    the time of writing: both would differ from run to run."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        schema = json.loads(source.read("schema.json"))
        numbers: dict[int, int] = {}
        files: dict[str, str] = {}
        _renumber(schema, numbers, files)
        names = {**files, "schema.json": "schema.json"}
        contents = {"schema.json": json.dumps(schema).encode()}
        contents |= {names[n]: source.read(n) for n in source.namelist() if n != "schema.json"}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(contents):
            info = zipfile.ZipInfo(name, ZIP_EPOCH)
            target.writestr(info, contents[name], zipfile.ZIP_DEFLATED, compresslevel=6)
    return out.getvalue()


def _renumber(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    if isinstance(node, list):
        for part in node:
            _renumber(part, numbers, files)
    elif isinstance(node, dict):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if isinstance(node.get("file"), str):
            suffix = Path(node["file"]).suffix
            node["file"] = files.setdefault(node["file"], f"{len(files)}{suffix}")
        for part in node.values():
            _renumber(part, numbers, files)

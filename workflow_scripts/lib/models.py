"""The models that an experiment can name, how they are made, and how they are kept.

A model joins by one entry in `MODELS`. Models are stored with skops, never with pickle: loading
one can't run code.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.run import UserError, written_aside

__all__ = ["MODELS", "Model", "fake_scores", "load_model", "make_model", "save_model"]

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_TREE_TYPE = "sklearn.tree._tree.Tree"


@dataclass(frozen=True)
class Model:
    """An estimator by its import path, the parameters that a config may set, and fixed ones.

    `seeded` and `threaded` estimators are given `random_state` and `n_jobs`. Those that are
    `made_of_trees` tell how much each feature counted.
    """

    estimator: str
    parameters: tuple[str, ...] = ()
    seeded: bool = True
    threaded: bool = False
    made_of_trees: bool = True


_TREE = (
    "criterion",
    "max_depth",
    "min_samples_split",
    "min_samples_leaf",
    "max_features",
    "max_leaf_nodes",
    "class_weight",
)
_FOREST = ("n_estimators", "bootstrap", "max_samples", *_TREE)

MODELS = {
    "random_forest": Model("sklearn.ensemble.RandomForestClassifier", _FOREST, threaded=True),
    "extra_trees": Model("sklearn.ensemble.ExtraTreesClassifier", _FOREST, threaded=True),
    "decision_tree": Model("sklearn.tree.DecisionTreeClassifier", ("splitter", *_TREE)),
    "dummy": Model("sklearn.dummy.DummyClassifier", ("strategy",), made_of_trees=False),
}


def make_model(name: str, params: dict[str, Any], seed: int, threads: int) -> Any:
    """Make an unfitted classifier of the registry with the config's parameters."""
    model = MODELS[name]
    settings = dict(params)
    if model.seeded:
        settings["random_state"] = seed
    if model.threaded:
        settings["n_jobs"] = threads
    return _estimator_class(name)(**settings)


def _estimator_class(name: str) -> Any:
    module, _, class_name = MODELS[name].estimator.rpartition(".")
    return getattr(import_module(module), class_name)


def fake_scores(model: Any, matrix: np.ndarray) -> np.ndarray:
    """Probability of `fake` for each row of `matrix`, (n,) float64.

    Forests add their trees up in one thread: the order of a sum shows in its last digits.
    """
    if hasattr(model, "n_jobs"):
        model.n_jobs = 1
    return model.predict_proba(matrix)[:, list(model.classes_).index(1)]


def save_model(path: Path, model: Any) -> None:
    """Write `model` with skops, the same bytes for the same model, whatever trained it."""
    import skops.io

    if hasattr(model, "n_jobs"):
        model.n_jobs = None
    with written_aside(path) as aside:
        aside.write_bytes(_without_addresses(skops.io.dumps(model)))


def load_model(path: Path, name: str) -> Any:
    """Read a model of the registry's entry `name`; anything else is refused.

    Raises
    ------
    UserError
        The file is another model, is damaged, or holds types that are not trusted.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        model = skops.io.load(path, trusted=[_TREE_TYPE])
        if type(model) is not _estimator_class(name):
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

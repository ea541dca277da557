"""How trained models are kept and asked.

Models are stored with skops, or as arrays, never with pickle: loading one can't run code.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import ZIP_EPOCH, atomic_write
from workflow_scripts.lib.training.registry import MODELS, REMEDY, WRONG_SETTINGS, make_model

__all__ = ["fake_scores", "load_model", "save_model"]

_TREE_TYPE = "sklearn.tree._tree.Tree"


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
        from workflow_scripts.lib.training.pixel_forest.classifier import save_forest

        save_forest(path, model)
        return
    import skops.io

    for part in getattr(model, "named_steps", {"": model}).values():
        if hasattr(part, "n_jobs"):
            part.n_jobs = None
    with atomic_write(path) as aside:
        aside.write_bytes(_without_addresses(skops.io.dumps(model)))


def load_model(path: Path, name: str) -> Any:
    """Read a model of the registry's entry `name`; anything else is refused.

    Raises
    ------
    UserError
        The file is another model, is damaged, or holds types that are not trusted.
    """
    if MODELS[name].only_bytes:
        from workflow_scripts.lib.training.pixel_forest.classifier import load_forest

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

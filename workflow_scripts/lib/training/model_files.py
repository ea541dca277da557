"""Storing models and predicting with them.

Models are stored as arrays (`array_models`), or with skops if they have no such form, never with
pickle: loading one cannot run code.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import ZIP_EPOCH, atomic_write
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.training.array_models import FORMS, ArrayModel
from workflow_scripts.lib.training.registry import MODELS, REMEDY, WRONG_SETTINGS, make_model

DAMAGED = (  # what reading a file that is not a valid model can raise
    zipfile.BadZipFile,
    zlib.error,
    AttributeError,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,  # by zipfile for encryption; NotImplementedError, RecursionError
    TypeError,
    ValueError,
)


def fake_scores(model: Any, matrix: np.ndarray, sizes: Sequence[int] = ()) -> np.ndarray:
    """Predict the probability of fake for each row of `matrix` (n, columns), (n,) float64.

    `model` is an array model or an estimator; for one without probabilities, the logistic function
    of its decision value is used. With `sizes`, the pixel forest predicts with its first trees
    only, for several numbers of trees: (sizes, n).

    scikit-learn's forests sum their trees in one thread, because the order affects rounding.

    Raises
    ------
    UserError
        A parameter is invalid for the data, for example more neighbours than rows.
    """
    if isinstance(model, ArrayModel):
        return model.scores(matrix)
    if hasattr(model, "n_jobs") and not len(sizes):
        model.n_jobs = 1
    try:
        fake = list(model.classes_).index(Label.FAKE)
        if len(sizes):
            return model.staged_predict_proba(matrix, sizes)[:, :, fake]
        if hasattr(model, "predict_proba"):
            return model.predict_proba(matrix)[:, fake]
        from scipy.special import expit

        return expit(model.decision_function(matrix))
    except WRONG_SETTINGS as error:
        raise UserError(f"{error} {REMEDY}") from error


def save_model(path: Path, name: str, model: Any) -> None:
    """Write a fitted model of the registry's entry `name`; equal models give equal bytes.

    Raises
    ------
    UserError
        The fitted numbers cannot give scores.
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        if not (form := MODELS[name].form):
            file.write(_dump(model))
            return
        arrays = FORMS[form].from_estimator(model)
        try:
            arrays.check()
        except ValueError as error:
            raise UserError(f"{name}: the fit failed, {error}. {REMEDY}") from error
        arrays.write(file)


def _dump(model: Any) -> bytes:
    import skops.io

    for step in _steps(model):
        if hasattr(step, "n_jobs"):
            step.n_jobs = None
    return _make_reproducible(skops.io.dumps(model))


def load_model(path: Path, name: str) -> Any:
    """Read a model of the registry's entry `name`.

    Raises
    ------
    UserError
        The file is another model, is damaged, or contains untrusted types.
    """
    try:
        with path.open("rb") as file:
            return read_model(file, name)
    except DAMAGED as error:
        raise UserError(
            f"The model {path} cannot be read ({error}). Delete it and run snakemake again."
        ) from error


def read_model(file: IO[bytes], name: str) -> Any:
    """Read a model of the registry's entry `name`, for `fake_scores`, from an open file.

    Raises
    ------
    Exception
        One of `DAMAGED`, in the cases of `load_model`.
    """
    if form := MODELS[name].form:
        return FORMS[form].read(file)
    import skops.io

    model = skops.io.load(file)
    expected = _steps(make_model(name, {}, 0, 1))
    if list(map(type, _steps(model))) != list(map(type, expected)):
        raise ValueError(f"it is not a {name} model")
    return model


def _steps(model: Any) -> list[Any]:
    """The estimator, and the steps if it is a pipeline."""
    return [model, *getattr(model, "named_steps", {}).values()]


def _make_reproducible(archive: bytes) -> bytes:
    """Number skops' objects and files in order of appearance instead of by memory address, and
    remove the time of writing."""
    out = io.BytesIO()
    names: dict[str, str] = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        schema = json.loads(source.read("schema.json"))
        _renumber(schema, {}, names)
        contents = {new: source.read(old) for old, new in names.items()}
    contents["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(contents):
            info = zipfile.ZipInfo(name, ZIP_EPOCH)
            target.writestr(info, contents[name], zipfile.ZIP_DEFLATED, compresslevel=6)
    return out.getvalue()


def _renumber(node: Any, numbers: dict[int, int], names: dict[str, str]) -> None:
    if isinstance(node, dict):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if isinstance(node.get("file"), str):
            suffix = Path(node["file"]).suffix
            node["file"] = names.setdefault(node["file"], f"{len(names)}{suffix}")
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            _renumber(child, numbers, names)

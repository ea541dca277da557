"""How trained models are kept and asked.

Models are stored as arrays (`array_models`), those that have no such form with skops, never with
pickle: loading one can't run code.
"""

from __future__ import annotations

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
from workflow_scripts.lib.training.array_models import FORMS, ArrayModel
from workflow_scripts.lib.training.registry import MODELS, REMEDY, WRONG_SETTINGS, make_model

__all__ = ["DAMAGED", "fake_scores", "load_model", "read_model", "save_model"]

DAMAGED = (  # what reading a file can raise that is no whole model
    zipfile.BadZipFile,
    zlib.error,
    AttributeError,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,  # zipfile's for encryption, NotImplementedError, RecursionError
    TypeError,
    ValueError,
)


def fake_scores(model: Any, matrix: np.ndarray, sizes: Sequence[int] = ()) -> np.ndarray:
    """Score of `fake` for each row of `matrix` (n, columns), between 0 and 1: (n,) float64.

    `model` is a stored one, or an estimator. One without probabilities gives the logistic function
    of its decision value. With `sizes`, a pixel forest's scores after so many trees: (sizes, n).

    Forests of scikit-learn add their trees up in one thread: the order of a sum shows in its last
    digits.

    Raises
    ------
    UserError
        A parameter does not allow it: more neighbours than there are rows, for example.
    """
    if isinstance(model, ArrayModel):
        return model.scores(matrix)
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
    """Write a fitted model of the registry's entry `name`, the same bytes for the same model,
    whatever trained it.

    Raises
    ------
    UserError
        The fit has come to numbers that give no score.
    """
    with atomic_write(path) as aside, aside.open("wb") as file:
        if form := MODELS[name].form:
            _arrays_of(name, form, model).write(file)
        else:
            file.write(_dumped(model))


def _arrays_of(name: str, form: str, model: Any) -> ArrayModel:
    arrays = FORMS[form].of(model)
    try:
        arrays.check()
    except ValueError as error:
        raise UserError(f"{name}: the fit has come to no model, {error}. {REMEDY}") from error
    return arrays


def _dumped(model: Any) -> bytes:
    """An estimator as skops keeps it."""
    import skops.io

    for part in _parts(model):
        if hasattr(part, "n_jobs"):
            part.n_jobs = None
    return _without_addresses(skops.io.dumps(model))


def load_model(path: Path, name: str) -> Any:
    """Read a model of the registry's entry `name`; anything else is refused.

    Raises
    ------
    UserError
        The file is another model, is damaged, or holds types that are not trusted.
    """
    try:
        with path.open("rb") as file:
            return read_model(file, name)
    except DAMAGED as error:
        raise UserError(
            f"The model {path} cannot be read ({error}). Delete it and run snakemake again."
        ) from error


def read_model(file: IO[bytes], name: str) -> Any:
    """Read a model of the registry's entry `name` from an open file.

    Returns
    -------
    ArrayModel or estimator
        What `fake_scores` takes.

    Raises
    ------
    Exception
        One of `DAMAGED`: the file is another model, is damaged, or holds types that are not
        trusted.
    """
    if form := MODELS[name].form:
        return FORMS[form].read(file)
    import skops.io

    model = skops.io.load(file)
    kinds = [type(part) for part in _parts(make_model(name, {}, 0, 1))]
    if [type(part) for part in _parts(model)] != kinds:
        raise ValueError(f"it is no {name}")
    return model


def _parts(model: Any) -> list[Any]:
    return [model, *getattr(model, "named_steps", {}).values()]


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

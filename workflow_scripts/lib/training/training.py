"""Training of an experiment on rows of the store, and the card that says what came of it."""

from __future__ import annotations

import logging
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.common.memory import available_memory
from workflow_scripts.lib.common.tables import label_numbers
from workflow_scripts.lib.features import find_feature_set, recipe
from workflow_scripts.lib.store.zarr_store import iter_crops, made_with
from workflow_scripts.lib.training.grid import count_columns
from workflow_scripts.lib.training.matrix import load_experiment
from workflow_scripts.lib.training.registry import MODELS, fit_model, make_model, memory_need

__all__ = ["check_memory", "model_card", "train"]


def train(
    store: Path,
    table: pd.DataFrame,
    experiment: dict[str, Any],
    seed: int,
    threads: int,
) -> Any:
    """Fit an experiment's model on the rows of a split table.

    Where memory is short, a pixel forest's matrix goes to a file in the system's folder for
    temporary files: the same forest, more slowly.

    Raises
    ------
    UserError
        The rows hold one label only, a parameter is wrong, or memory is short.
    """
    name, labels = experiment["name"], label_numbers(table)
    if len(np.unique(labels)) < 2:
        shown = table["label"].iloc[0] if len(table) else "no"
        raise UserError(
            f"experiments.{name}: what is to be trained on holds only {shown} videos, and a model "
            "needs both. Add videos of other people, or change splits.test_fraction or "
            "training.folds."
        )
    rows, units, kind = table["row"].to_numpy(), table["unit"].to_numpy(), experiment["model"]
    columns = count_columns(experiment, made_with(store)["faces"]["size"])
    model = make_model(kind, experiment["params"], seed, threads)
    with _loaded(store, rows, columns, experiment) as matrix:
        try:
            fit_model(kind, model, matrix, labels, units)
        except UserError as error:
            raise UserError(f"experiments.{name}: {error}") from error
    return model


@contextmanager
def _loaded(
    store: Path, rows: np.ndarray, columns: int, experiment: dict[str, Any]
) -> Iterator[np.ndarray]:
    """The matrix that an experiment is trained on, (k, columns)."""
    if MODELS[experiment["model"]].only_bytes:
        extract = recipe(experiment["features"], experiment["resize"])
        with _load_columns(store, rows, columns, extract) as matrix:
            yield matrix.T
    else:
        check_memory(experiment["name"], experiment["model"], len(rows), columns)
        yield load_experiment(store, rows, experiment)


@contextmanager
def _load_columns(
    store: Path, rows: np.ndarray, columns: int, extract: Callable[[np.ndarray], np.ndarray]
) -> Iterator[np.ndarray]:
    """The matrix column by column, as trees want it, (columns, k) uint8: no second copy."""
    from workflow_scripts.lib.training.pixel_forest.classifier import load_columns

    def read() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((positions, extract(crops)) for positions, crops in iter_crops(store, rows))

    need, available = memory_need("pixel_forest", len(rows), columns), available_memory()
    if need < available:
        yield load_columns(read, len(rows))
        return
    with TemporaryDirectory(prefix="columns-") as folder:
        size, free = len(rows) * columns / 1e6, shutil.disk_usage(folder).free / 1e6
        if size > free:
            raise UserError(
                f"The matrix of {len(rows)} rows and {columns} columns takes {need / 1000:.1f} GB. "
                f"{available / 1000:.1f} GB of memory are free here, and {free / 1000:.1f} GB in "
                f"{folder}, where it could lie instead. Set TMPDIR to a larger folder, set a "
                "smaller `resize`, or train on a larger machine."
            )
        logging.info(
            "The matrix needs %.1f GB, and %.1f GB of memory are free: it goes to a file in %s",
            *(need / 1000, available / 1000, folder),
        )
        memory = int(available * 1e6 / 4)  # for what is written at a time
        yield load_columns(read, len(rows), Path(folder, "columns"), memory)


def check_memory(name: str, model: str, rows: int, columns: int) -> None:
    """Refuse to train what there is no memory for, before anything is loaded.

    Raises
    ------
    UserError
        The model needs more than this process may take.
    """
    need, available = memory_need(model, rows, columns), available_memory()
    if need > available:
        raise UserError(
            f"experiments.{name}: {model} needs about {need / 1000:.1f} GB for {rows} rows and "
            f"{columns} columns, and {available / 1000:.1f} GB are free here. Set a smaller "
            "`side`, take another model, or train on a larger machine."
        )


def model_card(
    store: Path,
    table: pd.DataFrame,
    protocol: str,
    experiment: dict[str, Any],
    choice: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """What a model is and what it was trained on, for `model.json`.

    `table` are the training rows of the split, `choice` is what `select_hyperparameters` wrote.
    """
    feature_set = find_feature_set(experiment["features"])
    crops = made_with(store)
    return {
        "experiment": experiment["name"],
        "protocol": protocol,
        "classes": [label.word for label in Label],
        "features": {
            "name": experiment["features"],
            "version": feature_set.version,
            "resize": experiment["resize"],
            "columns": count_columns(experiment, crops["faces"]["size"]),
        },
        "crops": crops,
        "model": experiment["model"],
        "params": choice["params"],
        "seed": seed,
        **{key: choice[key] for key in ("threshold", "calibration", "operating_points")},
        "validation": choice["validation"],
        "training": {
            "rows": len(table),
            "videos": table["video"].nunique(),
            "groups": sorted(table["group"].unique()),
            "datasets": sorted(table["dataset"].dropna().unique()),
            "methods": sorted(table["method"].dropna().unique()),
            "compressions": sorted(table["compression"].dropna().unique()),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numba", "numpy", "scikit-learn", "skops", "zarr")},
        },
    }

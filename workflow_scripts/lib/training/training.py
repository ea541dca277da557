"""Training an experiment's model, and the model's card."""

import logging
import platform
import shutil
from collections.abc import Iterator
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


def train(
    store: Path, table: pd.DataFrame, experiment: dict[str, Any], seed: int, threads: int
) -> Any:
    """Fit an experiment's model on the rows of a split table.

    If memory is short, the matrix of a pixel forest is written to a temporary file: the same
    forest, but slower.

    Raises
    ------
    UserError
        The rows have only one label, a parameter is invalid, or memory is short.
    """
    name, kind, labels = experiment["name"], experiment["model"], label_numbers(table)
    if len(np.unique(labels)) < 2:
        label = table["label"].iloc[0] if len(table) else "no"
        raise UserError(
            f"experiments.{name}: the training data contain only {label} videos, and a model needs "
            "both labels. Add videos of other people, or change splits.test_fraction or "
            "training.folds."
        )
    rows, units = table["row"].to_numpy(), table["unit"].to_numpy()
    columns = count_columns(experiment, made_with(store)["faces"]["size"])
    model = make_model(kind, experiment["params"], seed, threads)
    try:
        if MODELS[kind].only_bytes:
            with _load_columns(store, rows, columns, experiment) as by_column:
                fit_model(kind, model, by_column.T, labels, units)
        else:
            check_memory(kind, len(rows), columns)
            fit_model(kind, model, load_experiment(store, rows, experiment), labels, units)
    except UserError as error:
        raise UserError(f"experiments.{name}: {error}") from error
    return model


@contextmanager
def _load_columns(
    store: Path, rows: np.ndarray, columns: int, experiment: dict[str, Any]
) -> Iterator[np.ndarray]:
    """The matrix stored by column, (columns, k) uint8, so that a forest needs no copy."""
    from workflow_scripts.lib.training.pixel_forest.classifier import load_columns

    extract = recipe(experiment["features"], experiment["resize"])

    def read() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((positions, extract(crops)) for positions, crops in iter_crops(store, rows))

    need, available = memory_need("pixel_forest", len(rows), columns), available_memory()
    if need < available:
        yield load_columns(read, len(rows))
        return
    with TemporaryDirectory(prefix="columns-") as folder:
        free = shutil.disk_usage(folder).free / 1e6
        if len(rows) * columns / 1e6 > free:
            raise UserError(
                f"the matrix of {len(rows)} rows and {columns} columns takes {need / 1000:.1f} GB, "
                f"but only {available / 1000:.1f} GB of memory are free, and {free / 1000:.1f} GB "
                f"on the disk of {folder}. Set TMPDIR to a folder on a larger disk, set a smaller "
                "`resize`, or train on a larger machine."
            )
        logging.info(
            "The matrix needs %.1f GB, and %.1f GB of memory are free: it goes to a file in %s",
            *(need / 1000, available / 1000, folder),
        )
        memory = int(available * 1e6 / 4)  # for the columns that are written at a time
        yield load_columns(read, len(rows), Path(folder, "columns"), memory)


def check_memory(model: str, rows: int, columns: int) -> None:
    """Check that there is enough memory for training, before anything is loaded.

    Raises
    ------
    UserError
        The model needs more than this process may use.
    """
    need, available = memory_need(model, rows, columns), available_memory()
    if need > available:
        raise UserError(
            f"{model} needs about {need / 1000:.1f} GB of memory for {rows} rows and {columns} "
            f"columns, but only {available / 1000:.1f} GB are free. Set a smaller `resize`, use "
            "another model, or train on a larger machine."
        )


def model_card(
    store: Path,
    table: pd.DataFrame,
    protocol: str,
    experiment: dict[str, Any],
    choice: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """The content of `model.json`: the model's settings and training data.

    `table` contains the training rows of the split, `choice` what `select_hyperparameters` wrote.
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

"""The matrix of an experiment, from the store and its feature sets."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.features import recipe
from workflow_scripts.lib.store.zarr_store import load_matrix, made_with, read_features
from workflow_scripts.lib.training.grid import count_columns, stored_features


def load_experiment(
    store: Path, rows: np.ndarray, experiment: dict[str, Any], features: Path | None = None
) -> np.ndarray:
    """The matrix of some rows of the store, (k, features) uint8 or float32.

    `rows` (k,) is ascending; `features` is the folder of the feature sets, by default the one
    beside the store.
    """
    folder = features or store.with_name("features")
    readers = [partial(read_features, folder, name, rows) for name in stored_features(experiment)]
    if "pixels" in experiment["features"].split("+"):
        readers.insert(0, partial(load_matrix, store, rows, recipe("pixels", experiment["resize"])))
    if len(readers) == 1:
        return readers[0]()
    columns = count_columns(experiment, made_with(store)["faces"]["size"])
    matrix = np.empty((len(rows), columns), np.float32)
    start = 0
    for read in readers:  # to keep only one set in memory beside the matrix
        part = read()
        matrix[:, start : start + part.shape[1]] = part
        start += part.shape[1]
    if start != columns:
        raise ValueError(f"{experiment['features']} has {columns} columns, but {start} were read")
    return matrix

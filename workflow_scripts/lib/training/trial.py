"""Whether the settings of a run's experiments can be trained at all, tried on made-up data before
any video is read."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.training.grid import fits
from workflow_scripts.lib.training.model_files import fake_scores
from workflow_scripts.lib.training.registry import MODELS, REMEDY, fit_model, make_model

__all__ = ["try_experiments"]

ROWS, COLUMNS, TREES = 200, 8, 3  # enough to show what does not fit together


def try_experiments(experiments: Mapping[str, Mapping[str, Any]], rows: int) -> None:
    """Fit each experiment's model with each of its settings on a little noise, and ask it.

    `rows` is how many crops the run has at most. Where training has an environment of its own,
    which this process does not see, nothing is tried, and training finds out.

    Raises
    ------
    UserError
        Names the experiment, the settings, and what does not fit together.
    """
    if importlib.util.find_spec("sklearn") is None:
        return
    for name, experiment in experiments.items():
        for settings in fits(dict(experiment)):
            try:
                _try(experiment["model"], settings[-1], rows)
            except UserError as error:
                raise UserError(f"experiments.{name}, {settings[-1]}: {error}") from error


def _try(name: str, params: dict[str, Any], rows: int) -> None:
    if MODELS[name].only_bytes:
        _check_forest(name, params)
        return
    # a neighbourhood that all rows of the run can't fill is told; 200 rows would be too few
    least = params.get("n_neighbors", 0)
    n = min(max(ROWS, least if isinstance(least, int) else 0), max(rows, 2 * COLUMNS))
    rng = np.random.default_rng(0)
    matrix = rng.random((n, COLUMNS), np.float32)
    size = params.get("n_estimators")
    few = {"n_estimators": min(size, TREES)} if isinstance(size, int) else {}
    model = make_model(name, {**params, **few}, seed=0, threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noise has nothing to converge to
        fit_model(name, model, matrix, np.arange(n) % 2, np.arange(n) // 2)
        fake_scores(model, matrix[: 2 * COLUMNS])


def _check_forest(name: str, params: dict[str, Any]) -> None:
    """To try a forest of our own, its code would have to be compiled; it knows what it takes."""
    from workflow_scripts.lib.training.pixel_forest.classifier import check_parameters

    try:
        check_parameters(make_model(name, params, seed=0, threads=1))
    except ValueError as error:
        raise UserError(f"{name}: {error} {REMEDY}") from error

"""Check that the settings of all experiments can be trained, on synthetic data, before any video is
read."""

import importlib.util
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.training.grid import list_fits
from workflow_scripts.lib.training.model_files import fake_scores
from workflow_scripts.lib.training.registry import MODELS, REMEDY, fit_model, make_model

ROWS, COLUMNS, TREES = 200, 8, 3  # enough to reveal settings that contradict each other


def try_experiments(experiments: Mapping[str, Mapping[str, Any]], rows: int) -> None:
    """Fit each experiment's model with each of its settings on noise, and predict with it.

    `rows` is the largest number of crops that the run can have. If scikit-learn is not installed
    here, because training has its own environment, nothing is checked.

    Raises
    ------
    UserError
        Names the experiment, the settings, and the problem.
    """
    if importlib.util.find_spec("sklearn") is None:
        return
    for name, experiment in experiments.items():
        for settings in list_fits(dict(experiment)):
            try:
                _try(experiment["model"], settings[-1], rows)
            except UserError as error:
                raise UserError(f"experiments.{name}, {settings[-1]}: {error}") from error


def _try(name: str, params: dict[str, Any], rows: int) -> None:
    if MODELS[name].only_bytes:
        # fitting would compile the forest's code, but it can check its parameters without data
        from workflow_scripts.lib.training.pixel_forest.classifier import check_parameters

        try:
            check_parameters(make_model(name, params, seed=0, threads=1))
        except ValueError as error:
            raise UserError(f"{name}: {error} {REMEDY}") from error
        return
    # more neighbours than the run has rows are an error; more than ROWS are not
    neighbours = params.get("n_neighbors", 0)
    n = max(ROWS, neighbours) if isinstance(neighbours, int) else ROWS
    n = min(n, max(rows, 2 * COLUMNS))
    matrix = np.random.default_rng(0).random((n, COLUMNS), np.float32)
    size = params.get("n_estimators")
    few = {"n_estimators": min(size, TREES)} if isinstance(size, int) else {}
    model = make_model(name, {**params, **few}, seed=0, threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solvers need not converge on noise
        fit_model(name, model, matrix, np.arange(n) % 2, np.arange(n) // 2)
        fake_scores(model, matrix[: 2 * COLUMNS])

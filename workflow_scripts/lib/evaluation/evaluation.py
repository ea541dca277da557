"""How a model is measured on rows of a store, be it its own run's test part or another run's."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.common.tables import label_numbers
from workflow_scripts.lib.evaluation.metrics import breakdown, evaluate, video_scores
from workflow_scripts.lib.store.zarr_store import made_with
from workflow_scripts.lib.training.calibration import apply_calibration
from workflow_scripts.lib.training.grid import count_columns
from workflow_scripts.lib.training.matrix import load_experiment
from workflow_scripts.lib.training.model_files import fake_scores, load_model
from workflow_scripts.lib.training.splits import Leak

__all__ = ["measure", "predict", "score_rows", "write_predictions"]

KINDS = ("method", "compression", "dataset")
COLUMNS = ["video", "group", "label", *KINDS, "score", "probability", "predicted"]
# What is scored at once, of a run of any size: so many rows, and bytes of a matrix and its copies
ROWS_AT_ONCE, BYTES_AT_ONCE, BYTES_PER_CELL = 1000, 4e8, 8


def score_rows(
    model: Any,
    store: Path,
    rows: np.ndarray,
    experiment: dict[str, Any],
    features: Path | None = None,
) -> np.ndarray:
    """A model's score for each of `rows` (k,) of a store, (k,), some at a time; arguments as for
    `training.load_experiment`."""
    columns = count_columns(experiment, made_with(store)["faces"]["size"])
    at_once = max(1, min(ROWS_AT_ONCE, int(BYTES_AT_ONCE / (BYTES_PER_CELL * columns))))
    parts = np.split(rows, range(at_once, len(rows), at_once))
    scores = [fake_scores(model, load_experiment(store, p, experiment, features)) for p in parts]
    return np.concatenate(scores).round(6)


def predict(
    model_path: Path,
    card: dict[str, Any],
    store: Path,
    table: pd.DataFrame,
    experiment: dict[str, Any],
    features: Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a model says of rows of a store, with the threshold and calibration of its card.

    Parameters
    ----------
    model_path, card
        The model, and its `model.json`.
    store : Path
    table : DataFrame
        The rows, ascending in `row`, with the columns of a split's table.
    experiment, features
        As for `training.load_experiment`.

    Returns
    -------
    (per_frame, per_video)
        The table's columns, and `score`, `probability`, `predicted`.
    """
    model = load_model(model_path, card["model"])
    scores = score_rows(model, store, table["row"].to_numpy(), experiment, features)
    per_frame = table.reset_index(drop=True).assign(score=scores)
    means, first = video_scores(per_frame["score"].to_numpy(), per_frame["video"].to_numpy())
    per_video = per_frame.loc[first].assign(score=means.round(6))
    return _called(per_frame, card), _called(per_video, card)


def measure(
    per_frame: pd.DataFrame,
    per_video: pd.DataFrame,
    card: dict[str, Any],
    tested_on: str,
    leak: Leak,
    n_resamples: int,
    confidence_level: float,
    seed: int,
) -> dict[str, Any]:
    """All that an evaluation's JSON says, from what `predict` gave."""
    settings: dict[str, Any] = {
        "threshold": card["threshold"],
        "resamples": n_resamples,
        "coverage": confidence_level,
        "seed": seed,
    }
    return {
        "experiment": card["experiment"],
        "protocol": card["protocol"],
        "tested_on": tested_on,
        "leak": {"word": leak.word, **asdict(leak)},
        "threshold": card["threshold"],
        "interval": confidence_level,
        "frame": evaluate(**_arrays(per_frame), **settings),
        "video": evaluate(**_arrays(per_video), **settings),
        "kinds": {
            kind: breakdown(
                per_video[kind].fillna("").to_numpy(str), **_arrays(per_video), **settings
            )
            for kind in KINDS
        },
    }


def write_predictions(
    per_frame: pd.DataFrame, per_video: pd.DataFrame, frames: Path, videos: Path
) -> None:
    """Write the predictions per frame and per video, tab separated."""
    for predictions, path in (
        (per_frame[["row", "frame", *COLUMNS]], frames),
        (per_video[COLUMNS], videos),
    ):
        predictions.to_csv(path, sep="\t", index=False, float_format="%.6f")


def _called(table: pd.DataFrame, card: dict[str, Any]) -> pd.DataFrame:
    """Add the calibrated probability, and what each row is called."""
    return table.assign(
        probability=apply_calibration(card["calibration"], table["score"].to_numpy()).round(6),
        predicted=[Label(score >= card["threshold"]).word for score in table["score"]],
    )


def _arrays(table: pd.DataFrame) -> dict[str, Any]:
    """What the metrics are taken of, (n,) each."""
    return {
        "labels": label_numbers(table),
        "scores": table["score"].to_numpy(),
        "probabilities": table["probability"].to_numpy(),
        "groups": table["group"].to_numpy(),
    }

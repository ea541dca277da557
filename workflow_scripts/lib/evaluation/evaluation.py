"""Evaluate a model on rows of a store: the test part of its own run, or another run's videos."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.common.tables import label_numbers
from workflow_scripts.lib.evaluation.metrics import evaluate, evaluate_subgroups, video_scores
from workflow_scripts.lib.store.zarr_store import made_with
from workflow_scripts.lib.training.calibration import apply_calibration
from workflow_scripts.lib.training.grid import count_columns
from workflow_scripts.lib.training.matrix import load_experiment
from workflow_scripts.lib.training.model_files import fake_scores, load_model
from workflow_scripts.lib.training.splits import Leak

SUBGROUPS = ("method", "compression", "dataset")
COLUMNS = ["video", "group", "label", *SUBGROUPS, "score", "probability", "predicted"]
# Limits of a batch of rows; the bytes are those of a matrix and its copies
MAX_ROWS, MAX_BYTES, BYTES_PER_CELL = 1000, 4e8, 8


def score_rows(
    model: Any,
    store: Path,
    rows: np.ndarray,
    experiment: dict[str, Any],
    features: Path | None = None,
) -> np.ndarray:
    """A model's score for each of `rows` (k,) of a store, (k,), in batches; arguments as for
    `matrix.load_experiment`."""
    columns = count_columns(experiment, made_with(store)["faces"]["size"])
    size = max(1, min(MAX_ROWS, int(MAX_BYTES / (BYTES_PER_CELL * columns))))
    batches = np.split(rows, range(size, len(rows), size))
    scores = [fake_scores(model, load_experiment(store, b, experiment, features)) for b in batches]
    return np.concatenate(scores).round(6)


def evaluate_model(
    store: Path,
    table: pd.DataFrame,
    model: Path,
    card: Path,
    experiment: dict[str, Any],
    bootstrap: dict[str, Any],
    tested_on: str,
    leak: Leak,
    frames: Path,
    videos: Path,
    features: Path | None = None,
) -> dict[str, Any]:
    """Evaluate a model with the threshold and calibration of its card.

    Parameters
    ----------
    store : Path
    table : DataFrame
        The rows to score, ascending in `row`, with the columns of a split's table.
    model, card
        The model's file, and its `model.json`.
    experiment, features
        As for `matrix.load_experiment`.
    bootstrap : dict
        `n_resamples`, `confidence_level` and `seed` of `metrics.evaluate`.
    tested_on : str
        The other run's name, or `tables.OWN`.
    leak : Leak
        Of the rows against the training part.
    frames, videos
        Where to write the predictions per frame and per video.

    Returns
    -------
    dict
        The evaluation's JSON.
    """
    about = json.loads(card.read_text(encoding="utf-8"))
    loaded = load_model(model, about["model"])
    scores = score_rows(loaded, store, table["row"].to_numpy(), experiment, features)
    means, first = video_scores(scores, table["video"].to_numpy())
    per_frame = _add_predictions(table, scores, about)
    per_video = _add_predictions(table.iloc[first], means.round(6), about)
    csv: dict[str, Any] = {"sep": "\t", "index": False, "float_format": "%.6f"}
    per_frame.to_csv(frames, columns=["row", "frame", *COLUMNS], **csv)
    per_video.to_csv(videos, columns=COLUMNS, **csv)

    settings = {"threshold": about["threshold"], **bootstrap}
    of_videos = _metric_arguments(per_video)
    result = {
        "experiment": about["experiment"],
        "protocol": about["protocol"],
        "tested_on": tested_on,
        "leak": {"word": leak.word, **asdict(leak)},
        "threshold": about["threshold"],
        "interval": bootstrap["confidence_level"],
        "frame": evaluate(**_metric_arguments(per_frame), **settings),
        "video": evaluate(**of_videos, **settings),
        "kinds": {
            column: evaluate_subgroups(
                per_video[column].fillna("").to_numpy(str), **of_videos, **settings
            )
            for column in SUBGROUPS
        },
    }
    logging.info(
        "%s, protocol %s, tested on %s: %d videos, accuracy per video %s, AUC %s",
        *(result[key] for key in ("experiment", "protocol", "tested_on")),
        *(result["video"][key] for key in ("n", "accuracy", "roc_auc")),
    )
    return result


def _add_predictions(table: pd.DataFrame, scores: np.ndarray, card: dict[str, Any]) -> pd.DataFrame:
    fake = scores >= card["threshold"]
    return table.assign(
        score=scores,
        probability=apply_calibration(card["calibration"], scores).round(6),
        predicted=np.where(fake, Label.FAKE.word, Label.REAL.word),
    )


def _metric_arguments(table: pd.DataFrame) -> dict[str, Any]:
    """The arrays that metrics are computed from, (n,) each."""
    return {
        "labels": label_numbers(table),
        "scores": table["score"].to_numpy(),
        "probabilities": table["probability"].to_numpy(),
        "groups": table["group"].to_numpy(),
    }

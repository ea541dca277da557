"""Measure one model on the test part of its protocol."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.calibration import apply_calibration
from workflow_scripts.lib.manifest import Label
from workflow_scripts.lib.metrics import breakdown, evaluate, video_scores
from workflow_scripts.lib.models import fake_scores, load_model
from workflow_scripts.lib.run import write_json
from workflow_scripts.lib.splits import TEST, find_leak
from workflow_scripts.lib.tables import label_numbers, read_table
from workflow_scripts.lib.training import load_experiment

KINDS = ("method", "compression", "dataset")
COLUMNS = ["video", "group", "label", *KINDS, "score", "probability", "predicted"]


def main(
    store: Path,
    split: Path,
    model_path: Path,
    card_path: Path,
    experiment: dict[str, Any],
    bootstrap: int,
    interval: float,
    seed: int,
    evaluation: Path,
    frames: Path,
    videos: Path,
) -> None:
    """Write the metrics (`evaluation`), and the predictions per frame and per video."""
    card = json.loads(card_path.read_text(encoding="utf-8"))
    table = read_table(split)
    leak = find_leak(*(table[column].to_numpy() for column in ("part", "video", "group")))
    table = table[table["part"] == TEST].drop(columns="part").reset_index(drop=True)

    matrix = load_experiment(store, table["row"].to_numpy(), experiment)
    table["score"] = fake_scores(load_model(model_path, card["model"]), matrix).round(6)
    scores, first = video_scores(table["score"].to_numpy(), table["video"].to_numpy())
    per_frame = _called(table, card)
    per_video = _called(table.loc[first].assign(score=scores.round(6)), card)

    settings: dict[str, Any] = {
        "threshold": card["threshold"],
        "resamples": bootstrap,
        "coverage": interval,
        "seed": seed,
    }
    result = {
        "experiment": card["experiment"],
        "protocol": card["protocol"],
        "leak": {"word": leak.word, **asdict(leak)},
        "threshold": card["threshold"],
        "interval": interval,
        "frame": evaluate(**_arrays(per_frame), **settings),
        "video": evaluate(**_arrays(per_video), **settings),
        "kinds": {
            kind: breakdown(
                per_video[kind].fillna("").to_numpy(str), **_arrays(per_video), **settings
            )
            for kind in KINDS
        },
    }
    write_json(evaluation, result)
    for predictions, path in (
        (per_frame[["row", "frame", *COLUMNS]], frames),
        (per_video[COLUMNS], videos),
    ):
        predictions.to_csv(path, sep="\t", index=False, float_format="%.6f")
    logging.info(
        "%s, protocol %s: accuracy per video %s, AUC %s",
        card["experiment"],
        card["protocol"],
        result["video"]["accuracy"],
        result["video"]["roc_auc"],
    )


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


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).parent,
            split=Path(snakemake.input.split),
            model_path=Path(snakemake.input.model),
            card_path=Path(snakemake.input.card),
            evaluation=Path(snakemake.output.evaluation),
            frames=Path(snakemake.output.frames),
            videos=Path(snakemake.output.videos),
            **snakemake.params,
        )

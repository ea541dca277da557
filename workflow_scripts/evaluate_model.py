"""Measure one model on the test part of its protocol."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.features import recipe
from workflow_scripts.lib.manifest import Label
from workflow_scripts.lib.metrics import evaluate, video_scores
from workflow_scripts.lib.models import fake_scores, load_model
from workflow_scripts.lib.run import write_json
from workflow_scripts.lib.splits import TEST, find_leak
from workflow_scripts.lib.store import load_matrix
from workflow_scripts.lib.tables import read_table


def main(
    store: Path,
    split: Path,
    model_path: Path,
    card_path: Path,
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

    extract = recipe(card["features"]["name"], card["features"]["side"])
    matrix = load_matrix(store, table["row"].to_numpy(), extract)
    table["score"] = fake_scores(load_model(model_path, card["model"]), matrix).round(6)
    scores, first = video_scores(table["score"].to_numpy(), table["video"].to_numpy())
    per_video = table.loc[first, ["video", "group", "label"]].assign(score=scores.round(6))

    def measure(predictions: pd.DataFrame) -> dict[str, Any]:
        predictions["predicted"] = [
            Label(score >= card["threshold"]).word for score in predictions["score"]
        ]
        return evaluate(
            labels=(predictions["label"] == Label.FAKE.word).to_numpy().astype(int),
            scores=predictions["score"].to_numpy(),
            groups=predictions["group"].to_numpy(),
            threshold=card["threshold"],
            resamples=bootstrap,
            coverage=interval,
            seed=seed,
        )

    result = {
        "experiment": card["experiment"],
        "protocol": card["protocol"],
        "leak": {"word": leak.word, **asdict(leak)},
        "threshold": card["threshold"],
        "interval": interval,
        "frame": measure(table),
        "video": measure(per_video),
    }
    write_json(evaluation, result)
    table.to_csv(frames, sep="\t", index=False, float_format="%.6f")
    per_video.to_csv(videos, sep="\t", index=False, float_format="%.6f")
    logging.info(
        "%s, protocol %s: accuracy per video %s, AUC %s",
        card["experiment"],
        card["protocol"],
        result["video"]["accuracy"],
        result["video"]["roc_auc"],
    )


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

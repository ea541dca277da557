"""Measure one model on the test part of its protocol."""

import json
import logging
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.common.tables import OWN, read_table
from workflow_scripts.lib.evaluation.evaluation import measure, predict, write_predictions
from workflow_scripts.lib.training.splits import TEST, find_leak


def main(
    store: Path,
    split: Path,
    model: Path,
    card: Path,
    experiment: dict[str, Any],
    n_resamples: int,
    confidence_level: float,
    seed: int,
    evaluation: Path,
    frames: Path,
    videos: Path,
) -> None:
    """Write the metrics (`evaluation`), and the predictions per frame and per video."""
    about = json.loads(card.read_text(encoding="utf-8"))
    table = read_table(split)
    leak = find_leak(*(table[column].to_numpy() for column in ("split", "video", "group")))
    table = table[table["split"] == TEST]
    predictions = predict(model, about, store, table, experiment)
    result = measure(*predictions, about, OWN, leak, n_resamples, confidence_level, seed)
    write_json(evaluation, result)
    write_predictions(*predictions, frames, videos)
    logging.info(
        "%s, protocol %s: accuracy per video %s, AUC %s",
        about["experiment"],
        about["protocol"],
        result["video"]["accuracy"],
        result["video"]["roc_auc"],
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

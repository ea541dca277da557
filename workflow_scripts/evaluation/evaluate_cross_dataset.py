"""Measure one model on another run's videos of other people."""

import json
import logging
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.evaluation.evaluation import measure, predict, write_predictions
from workflow_scripts.lib.evaluation.other_runs import check_versions
from workflow_scripts.lib.training.grid import stored_features
from workflow_scripts.lib.training.splits import Leak


def main(
    other: str,
    store: Path,
    table: Path,
    selection: Path,
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
    """Write the metrics (`evaluation`), and the predictions per frame and per video.

    `store` is the other run's; its feature sets lie in `features/` beside the protocols' folders,
    its rows that may test in `table`. Threshold and calibration are the model's own.
    """
    about = json.loads(card.read_text(encoding="utf-8"))
    selected = json.loads(selection.read_text(encoding="utf-8"))
    features = evaluation.parents[1] / "features"
    check_versions(about["features"], features, stored_features(experiment))
    predictions = predict(model, about, store, read_table(table), experiment, features)
    leak = Leak(**selected["leak"])
    result = measure(*predictions, about, other, leak, n_resamples, confidence_level, seed)
    write_json(evaluation, {**result, "left_out": selected["left_out"]})
    write_predictions(*predictions, frames, videos)
    logging.info(
        "%s, protocol %s, tested on %s: %d videos (%d left out), accuracy per video %s, AUC %s",
        about["experiment"],
        about["protocol"],
        other,
        result["video"]["n"],
        sum(map(len, selected["left_out"].values())),
        result["video"]["accuracy"],
        result["video"]["roc_auc"],
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

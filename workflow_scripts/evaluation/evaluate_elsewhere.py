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
    features: Path,
    table_path: Path,
    selection: Path,
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
    """Write the metrics (`evaluation`), and the predictions per frame and per video.

    `store` is the other run's; its feature sets lie in the folder `features`, its rows that may
    test in `table_path`. Threshold and calibration are the model's own.
    """
    card = json.loads(card_path.read_text(encoding="utf-8"))
    selected = json.loads(selection.read_text(encoding="utf-8"))
    check_versions(card["features"], features, stored_features(experiment))
    predictions = predict(model_path, card, store, read_table(table_path), experiment, features)
    leak = Leak(**selected["leak"])
    result = measure(*predictions, card, other, leak, bootstrap, interval, seed)
    write_json(evaluation, {**result, "left_out": selected["left_out"]})
    write_predictions(*predictions, frames, videos)
    logging.info(
        "%s, protocol %s, tested on %s: %d videos (%d left out), accuracy per video %s, AUC %s",
        card["experiment"],
        card["protocol"],
        other,
        result["video"]["n"],
        sum(map(len, selected["left_out"].values())),
        result["video"]["accuracy"],
        result["video"]["roc_auc"],
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            other=snakemake.wildcards.other,
            store=Path(snakemake.input.store).with_suffix(".zarr"),
            features=Path(snakemake.output.evaluation).parents[1] / "features",
            table_path=Path(snakemake.input.table),
            selection=Path(snakemake.input.selection),
            model_path=Path(snakemake.input.model),
            card_path=Path(snakemake.input.card),
            evaluation=Path(snakemake.output.evaluation),
            frames=Path(snakemake.output.frames),
            videos=Path(snakemake.output.videos),
            **snakemake.params,
        )

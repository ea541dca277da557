"""Evaluate one model on another run's videos of other people."""

import json
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.evaluation.evaluation import evaluate_model
from workflow_scripts.lib.evaluation.other_runs import check_feature_versions
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
    bootstrap: dict[str, Any],
    evaluation: Path,
    frames: Path,
    videos: Path,
) -> None:
    """Write the metrics (`evaluation`), and the predictions per frame and per video.

    `store` is that of the `other` run and `table` lists the rows to score; its feature sets are in
    `features/` beside the protocols' folders.
    """
    selected = json.loads(selection.read_text(encoding="utf-8"))
    leak, left_out = Leak(**selected["leak"]), selected["left_out"]
    features, rows = evaluation.parents[1] / "features", read_table(table)
    check_feature_versions(card, features, stored_features(experiment))
    result = evaluate_model(
        store, rows, model, card, experiment, bootstrap, other, leak, frames, videos, features
    )
    write_json(evaluation, {**result, "left_out": left_out})


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

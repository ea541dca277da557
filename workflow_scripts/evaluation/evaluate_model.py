"""Evaluate one model on the test part of its protocol."""

from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.common.tables import OWN, read_table
from workflow_scripts.lib.evaluation.evaluation import evaluate_model
from workflow_scripts.lib.training.splits import TEST, find_leak


def main(
    store: Path,
    split: Path,
    model: Path,
    card: Path,
    experiment: dict[str, Any],
    bootstrap: dict[str, Any],
    evaluation: Path,
    frames: Path,
    videos: Path,
) -> None:
    """Write the metrics (`evaluation`), and the predictions per frame and per video."""
    table = read_table(split)
    leak = find_leak(*(table[column].to_numpy() for column in ("split", "video", "group")))
    table = table[table["split"] == TEST]
    result = evaluate_model(
        store, table, model, card, experiment, bootstrap, OWN, leak, frames, videos
    )
    write_json(evaluation, result)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

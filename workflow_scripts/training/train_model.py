"""Train an experiment's model with its selected settings."""

import json
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.training.model_files import save_model
from workflow_scripts.lib.training.splits import TRAIN
from workflow_scripts.lib.training.training import model_card, train


def main(
    store: Path,
    split: Path,
    choice: Path,
    protocol: str,
    experiment: dict[str, Any],
    seed: int,
    threads: int,
    model: Path,
    card: Path,
) -> None:
    """Write the model, and its card (`model.json`)."""
    table = read_table(split)
    table = table[table["split"] == TRAIN]
    selected = json.loads(choice.read_text(encoding="utf-8"))
    settings = {**experiment, "params": selected["params"]}
    save_model(model, experiment["model"], train(store, table, settings, seed, threads))
    write_json(card, model_card(store, table, protocol, experiment, selected, seed))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

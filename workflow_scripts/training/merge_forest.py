"""Make one pixel forest of the trees that several jobs have grown."""

import json
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.common.joblog import read_cost
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.training.pixel_forest.classifier import (
    load_forest,
    merge_forests,
    save_forest,
)
from workflow_scripts.lib.training.splits import TRAIN
from workflow_scripts.lib.training.training import model_card


def main(
    store: Path,
    split: Path,
    choice: Path,
    shards: list[Path],
    logs: list[Path],
    protocol: str,
    experiment: dict[str, Any],
    seed: int,
    model_path: Path,
    card_path: Path,
) -> None:
    """Write the model, and its card (`model.json`): what it is and what it was trained on.

    `logs` of the shards tell what they cost.
    """
    save_forest(model_path, merge_forests([load_forest(path) for path in shards]))
    table = read_table(split)
    table = table[table["part"] == TRAIN]
    costs = [read_cost(log) for log in logs]
    cost = {
        "cpu_s": round(sum(cost["cpu_s"] for cost in costs), 2),
        "peak_memory_mb": max(cost["peak_memory_mb"] for cost in costs),
    }
    chosen = json.loads(choice.read_text(encoding="utf-8"))
    write_json(card_path, model_card(store, table, protocol, experiment, chosen, seed, cost))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).with_suffix(".zarr"),
            split=Path(snakemake.input.split),
            choice=Path(snakemake.input.choice),
            shards=[Path(path) for path in snakemake.input.shards],
            logs=[Path(path) for path in snakemake.input.logs],
            protocol=snakemake.wildcards.protocol,
            model_path=Path(snakemake.output.model),
            card_path=Path(snakemake.output.card),
            **snakemake.params,
        )

"""Grow some of the trees of a pixel forest."""

import json
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.training.model_files import save_model
from workflow_scripts.lib.training.registry import N_ESTIMATORS
from workflow_scripts.lib.training.splits import TRAIN
from workflow_scripts.lib.training.training import train


def main(
    store: Path,
    split: Path,
    choice: Path,
    experiment: dict[str, Any],
    seed: int,
    threads: int,
    shard: int,
    shards: int,
    output: Path,
) -> None:
    """Write the trees of a shard; `merge_forest` makes the forest of all of them.

    A tree depends on its number, not on the others, so any number of shards gives the same forest.
    """
    table = read_table(split)
    table = table[table["part"] == TRAIN]
    params = json.loads(choice.read_text(encoding="utf-8"))["params"]
    n_trees = params.get("n_estimators", N_ESTIMATORS)
    trees = range(shard * n_trees // shards, (shard + 1) * n_trees // shards)
    settings = {**experiment, "params": params}
    model = train(store, table, settings, seed, threads, trees=trees)
    save_model(output, experiment["model"], model)


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).with_suffix(".zarr"),
            split=Path(snakemake.input.split),
            choice=Path(snakemake.input.choice),
            threads=snakemake.threads,
            shard=int(snakemake.wildcards.shard),
            output=Path(snakemake.output[0]),
            **snakemake.params,
        )

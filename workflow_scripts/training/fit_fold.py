"""Try settings of an experiment on data of the training part that they have not seen."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.training.grid import OUT_OF_BAG
from workflow_scripts.lib.training.matrix import load_experiment
from workflow_scripts.lib.training.model_files import fake_scores
from workflow_scripts.lib.training.registry import MODELS
from workflow_scripts.lib.training.splits import TRAIN
from workflow_scripts.lib.training.training import train


def main(
    store: Path,
    split: Path,
    experiment: dict[str, Any],
    settings: list[dict[str, Any]],
    fold: str,
    seed: int,
    threads: int,
    scores: Path,
) -> None:
    """Fit on the other folds, and write the scores of this one: a line per row of the store, a
    column per entry of `settings`, which differ in the model's `prefix` parameter only.

    With the fold "oob" a forest on all folds scores each row by the trees that have not seen it.
    """
    table = read_table(split)
    table = table[table["split"] == TRAIN]
    held_out = table["fold"].to_numpy() == (-1 if fold == OUT_OF_BAG else int(fold))
    prefix = MODELS[experiment["model"]].prefix
    sizes = [setting[prefix] for setting in settings] if len(settings) > 1 else []
    if fold == OUT_OF_BAG:
        model = train(
            store,
            table,
            {**experiment, "params": {**settings[-1], "oob_score": True}},
            seed,
            threads,
        )
        found = model.staged_oob_proba(sizes or [model.n_estimators])
        found = found[:, :, list(model.classes_).index(Label.FAKE)]
        rows = table["row"].to_numpy()
    elif held_out.any():
        model = train(
            store, table[~held_out], {**experiment, "params": settings[-1]}, seed, threads
        )
        rows = table.loc[held_out, "row"].to_numpy()
        matrix = load_experiment(store, rows, experiment)
        try:
            found = np.atleast_2d(fake_scores(model, matrix, sizes))
        except UserError as error:
            raise UserError(f"experiments.{experiment['name']}: {error}") from error
    else:  # fewer units than folds
        rows, found = np.empty(0, int), np.empty((len(settings), 0))
    logging.info("Scored %d rows that were not trained on", len(rows))
    columns = {f"score_{number}": score.round(6) for number, score in enumerate(found)}
    pd.DataFrame({"row": rows, **columns}).to_csv(scores, sep="\t", index=False)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

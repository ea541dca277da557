"""Fit an experiment's model with some settings, and score held-out training data."""

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
    """Fit on the other folds and write the scores of this one: a line per row of the store, a
    column per entry of `settings`, which differ only in the model's `prefix` parameter.

    For the fold "oob", fit a forest on all folds and write its out-of-bag scores.
    """
    table = read_table(split)
    table = table[table["split"] == TRAIN]
    prefix = MODELS[experiment["model"]].prefix
    sizes = [setting[prefix] for setting in settings] if len(settings) > 1 else []

    def fit(table: pd.DataFrame, **params: Any) -> Any:
        fitted = {**experiment, "params": {**settings[-1], **params}}
        return train(store, table, fitted, seed, threads)

    if fold == OUT_OF_BAG:
        rows = table["row"].to_numpy()
        model = fit(table, oob_score=True)
        probabilities = model.staged_oob_proba(sizes or [model.n_estimators])
        predicted = probabilities[:, :, list(model.classes_).index(Label.FAKE)]
    else:
        in_fold = table["fold"] == int(fold)
        rows = table.loc[in_fold, "row"].to_numpy()
        predicted = np.empty((len(settings), 0))
        if len(rows):  # with fewer units than folds, some are empty
            model = fit(table[~in_fold])
            try:
                predicted = fake_scores(model, load_experiment(store, rows, experiment), sizes)
            except UserError as error:
                raise UserError(f"experiments.{experiment['name']}: {error}") from error
            predicted = np.atleast_2d(predicted)
    logging.info("Scored %d held-out rows", len(rows))
    columns = {f"score_{number}": score.round(6) for number, score in enumerate(predicted)}
    pd.DataFrame({"row": rows, **columns}).to_csv(scores, sep="\t", index=False)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

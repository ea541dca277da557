"""Select an experiment's settings, threshold and calibration by its validation scores."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.evaluation.metrics import video_scores
from workflow_scripts.lib.training.calibration import calibrate
from workflow_scripts.lib.training.splits import TRAIN

COLUMNS = ["video", "group", "label", "method", "compression", "dataset", "score"]


def main(
    split: Path,
    scores: list[Path],
    experiment: str,
    fits: list[list[dict[str, Any]]],
    validation: str,
    max_error_rate: float,
    choice: Path,
    predictions: Path,
) -> None:
    """Write the choice (JSON), and the predictions of the selected settings for the training data.

    `scores` are the tables of `fit_fold`: one per fold for the first of `fits`, then those for the
    next. The best settings have the highest AUC per video; ties go to the highest AUC per frame,
    then to the first. Rows without an out-of-bag score, if there are few trees, are left out of the
    comparison of all settings. Threshold and calibration use all scores of the selected ones.
    """
    table = read_table(split)
    table = table[table["split"] == TRAIN].set_index("row")
    settings = [params for fit in fits for params in fit]
    scored = pd.concat(_read_scores(scores, len(fits)), axis="columns").sort_index()
    scored.columns = pd.RangeIndex(len(settings))
    compared = scored.dropna()
    if table.loc[compared.index, "label"].nunique() < 2:
        raise UserError(
            f"experiments.{experiment}: only videos of one label have validation scores, so they "
            "cannot compare settings. Add videos of other people, or use more trees or folds."
        )
    if len(compared) < len(scored):
        logging.info(
            "Compared on the %d of %d rows with scores by all settings", len(compared), len(scored)
        )
    aucs = [_aucs(table, compared[number]) for number in compared]
    best = aucs.index(max(aucs))
    params, chosen = settings[best], scored[best].dropna()
    videos = _per_video(table, chosen)
    video_auc, frame_auc = _aucs(table, chosen)
    groups = videos["group"].to_numpy()
    write_json(
        choice,
        {
            "params": params,
            "validation": {
                "kind": validation,
                "video_roc_auc": video_auc,
                "frame_roc_auc": frame_auc,
                "compared_rows": len(compared),
                "videos": len(videos),
                "groups": len(np.unique(groups)),
                "tried": [
                    {"params": params, "video_roc_auc": video_auc, "frame_roc_auc": frame_auc}
                    for params, (video_auc, frame_auc) in zip(settings, aucs, strict=True)
                ],
            },
            **calibrate(videos["score"].to_numpy(), label_numbers(videos), groups, max_error_rate),
        },
    )
    videos[COLUMNS].to_csv(predictions, sep="\t", index=False)
    logging.info(
        "%s: %s, AUC per video %.3f (%d settings compared)",
        *(experiment, params, video_auc, len(settings)),
    )


def _read_scores(tables: list[Path], n_fits: int) -> Iterator[pd.DataFrame]:
    """The scores of each fit's settings, (rows, settings), by row of the store."""
    for paths in np.split(np.array(tables), n_fits):
        parts = [read_table(path).set_index("row") for path in paths]
        # some folds are empty if there are fewer groups, and empty columns are not numeric
        yield pd.concat([part for part in parts if len(part)])


def _per_video(table: pd.DataFrame, scores: pd.Series) -> pd.DataFrame:
    means, first = video_scores(scores.to_numpy(), table.loc[scores.index, "video"].to_numpy())
    return table.loc[scores.index[first]].assign(score=means.round(6))


def _aucs(table: pd.DataFrame, scores: pd.Series) -> tuple[float, float]:
    """ROC AUC per video and per frame."""
    frames = table.loc[scores.index].assign(score=scores)
    video_auc, frame_auc = (
        round(float(roc_auc_score(label_numbers(rows), rows["score"])), 6)
        for rows in (_per_video(table, scores), frames)
    )
    return video_auc, frame_auc


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

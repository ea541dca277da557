"""Choose an experiment's settings, threshold and calibration by what the validation says."""

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

PREDICTED = ["video", "group", "label", "method", "compression", "dataset", "score"]


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
    """Write the choice (JSON), and the chosen settings' predictions for the training part.

    `scores` are the tables of `fit_fold`, one per fold of the first of `fits`, then
    those of the next. The best settings are
    those with the highest AUC per video; of equals those with the highest per frame, then the
    first. Few trees may leave rows without an out-of-bag score: all settings are compared on the
    rows that all of them have scored. Threshold and calibration follow from all that the chosen
    ones have, never from the test part.
    """
    table = read_table(split)
    table = table[table["split"] == TRAIN].set_index("row")
    settings = [params for fit in fits for params in fit]
    found = pd.concat(_scores(scores, len(fits)), axis="columns").sort_index()
    found.columns = pd.RangeIndex(len(settings))
    common = found.dropna()
    _check_both_labels(table.loc[common.index], experiment)
    frames = [table.loc[common.index].assign(score=common[number]) for number in common]
    rated = [(_auc(_per_video(each)), _auc(each)) for each in frames]
    best = max(range(len(settings)), key=lambda number: (*rated[number], -number))
    if len(common) < len(found):
        logging.info(
            "Compared on %d of %d rows, which all settings scored", len(common), len(found)
        )

    params, scored = settings[best], found[best].dropna()
    of_frames = table.loc[scored.index].assign(score=scored)
    videos = _per_video(of_frames)
    fake, groups = label_numbers(videos), videos["group"].to_numpy()
    write_json(
        choice,
        {
            "params": params,
            "validation": {
                "kind": validation,
                "video_roc_auc": _auc(videos),
                "frame_roc_auc": _auc(of_frames),
                "compared_rows": len(common),
                "videos": len(videos),
                "groups": len(np.unique(groups)),
                "tried": [
                    {"params": params, "video_roc_auc": video_auc, "frame_roc_auc": frame_auc}
                    for params, (video_auc, frame_auc) in zip(settings, rated, strict=True)
                ],
            },
            **calibrate(videos["score"].to_numpy(), fake, groups, max_error_rate),
        },
    )
    videos[PREDICTED].to_csv(predictions, sep="\t", index=False)
    logging.info(
        "%s: %s, AUC per video %.3f (%d settings tried)",
        *(experiment, params, _auc(videos), len(settings)),
    )


def _scores(tables: list[Path], n_fits: int) -> Iterator[pd.DataFrame]:
    """The scores of each fit's settings, a column each, by row of the store."""
    folds = len(tables) // n_fits
    for first in range(0, len(tables), folds):
        parts = [read_table(path).set_index("row") for path in tables[first : first + folds]]
        # with fewer groups than folds some are empty, and an empty column is not of numbers
        yield pd.concat([part for part in parts if len(part)])


def _check_both_labels(frames: pd.DataFrame, name: str) -> None:
    if frames["label"].nunique() < 2:
        raise UserError(
            f"experiments.{name}: the validation could score videos of one label only, so nothing "
            "can be chosen by it. Add videos of other people, or take more trees or folds."
        )


def _per_video(frames: pd.DataFrame) -> pd.DataFrame:
    means, first = video_scores(frames["score"].to_numpy(), frames["video"].to_numpy())
    return frames.iloc[first].assign(score=means.round(6))


def _auc(table: pd.DataFrame) -> float:
    return round(float(roc_auc_score(label_numbers(table), table["score"])), 6)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

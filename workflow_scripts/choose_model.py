"""Choose an experiment's settings, threshold and calibration by what the validation says."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from workflow_scripts.lib.calibration import calibrate
from workflow_scripts.lib.metrics import video_scores
from workflow_scripts.lib.run import UserError, read_cost, write_json
from workflow_scripts.lib.splits import TRAIN
from workflow_scripts.lib.tables import label_numbers, read_table

PREDICTED = ["video", "group", "label", "method", "compression", "dataset", "score"]


def main(
    split: Path,
    scores: list[list[Path]],
    logs: list[Path],
    name: str,
    fits: list[list[dict[str, Any]]],
    validation: str,
    wrong_share: float,
    choice: Path,
    predictions: Path,
) -> None:
    """Write the choice (JSON), and the chosen settings' predictions for the training part.

    `scores` are the tables of `fit_fold`, for each of `fits` one per fold. The best settings are
    those with the highest AUC per video; of equals those with the highest per frame, then the
    first. Threshold and calibration follow from the same predictions, never from the test part.
    """
    table = read_table(split)
    table = table[table["part"] == TRAIN].set_index("row")
    tried = []
    for settings, folds in zip(fits, scores, strict=True):
        parts = [read_table(path) for path in folds]
        # with fewer groups than folds some are empty, and an empty column is not of numbers
        found = pd.concat([part for part in parts if len(part)]).set_index("row").sort_index()
        for number, params in enumerate(settings):
            scored = found[f"score_{number}"].dropna()
            frames = table.loc[scored.index].assign(score=scored)
            videos = _per_video(frames)
            if videos["label"].nunique() < 2:
                raise UserError(
                    f"experiments.{name}: the validation could score videos of one label only, so "
                    "nothing can be chosen by it. Add videos of other people."
                )
            tried.append((params, videos, _auc(videos), _auc(frames)))
    best = max(range(len(tried)), key=lambda i: (*tried[i][2:], -i))
    params, videos, video_auc, frame_auc = tried[best]
    fake, groups = label_numbers(videos), videos["group"].to_numpy()
    write_json(
        choice,
        {
            "params": params,
            "validation": {
                "kind": validation,
                "video_roc_auc": video_auc,
                "frame_roc_auc": frame_auc,
                "videos": len(videos),
                "groups": len(np.unique(groups)),
                "tried": [
                    {"params": params, "video_roc_auc": of_videos, "frame_roc_auc": of_frames}
                    for params, _, of_videos, of_frames in tried
                ],
            },
            **calibrate(videos["score"].to_numpy(), fake, groups, wrong_share),
            "cost": {"cpu_s": round(sum(read_cost(log)["cpu_s"] for log in logs), 2)},
        },
    )
    videos[PREDICTED].to_csv(predictions, sep="\t", index=False)
    logging.info(
        "%s: %s, AUC per video %.3f (%d settings tried)", name, params, video_auc, len(tried)
    )


def _per_video(frames: pd.DataFrame) -> pd.DataFrame:
    means, first = video_scores(frames["score"].to_numpy(), frames["video"].to_numpy())
    return frames.iloc[first].assign(score=means.round(6))


def _auc(table: pd.DataFrame) -> float:
    return round(float(roc_auc_score(label_numbers(table), table["score"])), 6)


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        paths = [Path(path) for path in snakemake.input.scores]
        folds = len(paths) // len(snakemake.params.fits)
        main(
            split=Path(snakemake.input.split),
            scores=[paths[i : i + folds] for i in range(0, len(paths), folds)],
            logs=[Path(path) for path in snakemake.input.logs],
            name=snakemake.wildcards.experiment,
            choice=Path(snakemake.output.choice),
            predictions=Path(snakemake.output.predictions),
            **snakemake.params,
        )

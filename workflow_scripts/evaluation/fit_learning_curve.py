"""Train an experiment on some of the training part's people, and score the test part."""

import json
import logging
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.evaluation.evaluation import score_rows
from workflow_scripts.lib.evaluation.learning_curve import choose_groups
from workflow_scripts.lib.evaluation.metrics import video_scores
from workflow_scripts.lib.training.splits import TEST, TRAIN
from workflow_scripts.lib.training.training import train


def main(
    store: Path,
    split: Path,
    choice: Path,
    experiment: dict[str, Any],
    halvings: int,
    repeat: int,
    seed: int,
    threads: int,
    scores: Path,
) -> None:
    """Write the test part's scores per video, and the numbers of groups and videos trained on. The
    hyper-parameters are those selected for the whole training part."""
    table = read_table(split)
    training, test = (table[table["split"] == part] for part in (TRAIN, TEST))
    groups, labels = (training[column].to_numpy(str) for column in ("group", "label"))
    chosen = choose_groups(groups, labels, halvings, repeat, seed)
    training = training[training["group"].isin(chosen)]
    params = json.loads(choice.read_text(encoding="utf-8"))["params"]
    model = train(store, training, {**experiment, "params": params}, seed, threads)

    frame_scores = score_rows(model, store, test["row"].to_numpy(), experiment)
    means, first = video_scores(frame_scores, test["video"].to_numpy())
    per_video = test.iloc[first][["video", "group", "label"]].assign(
        score=means.round(6),
        train_groups=len(chosen),
        train_videos=training["video"].nunique(),
    )
    per_video.to_csv(scores, sep="\t", index=False)
    logging.info("Trained on %d groups of people", len(chosen))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

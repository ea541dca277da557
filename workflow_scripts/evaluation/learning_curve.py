"""Tabulate how well each experiment does when it was trained on fewer people."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.evaluation.metrics import estimate_columns, evaluate_training_sizes
from workflow_scripts.lib.training.splits import leak_name


def main(
    evaluations: list[Path],
    predictions: list[Path],
    cards: list[Path],
    fits: list[Path],
    repeats: int,
    bootstrap: dict[str, Any],
    curve: Path,
) -> None:
    """Write a line per experiment and number of training groups.

    `evaluations` and `cards` (JSON) and `predictions` (per video) are of the final models, trained
    on all groups; `fits` are the tables of `fit_learning_curve`, by experiment, by number of groups
    and by repeat.
    """
    rows: list[dict[str, Any]] = []
    n_fits = len(fits) // len(cards)
    for number, (evaluation, predicted, card) in enumerate(
        zip(evaluations, predictions, cards, strict=True)
    ):
        training = json.loads(card.read_text(encoding="utf-8"))["training"]
        final = read_table(predicted).assign(
            train_groups=len(training["groups"]), train_videos=training["videos"]
        )
        tables = [read_table(path) for path in fits[number * n_fits : (number + 1) * n_fits]]
        by_size = {_size(tables[i]): tables[i : i + repeats] for i in range(0, n_fits, repeats)}
        by_size[_size(final)] = [final]  # with few groups, a "half" may be all of them
        sizes = [by_size[size] for size in sorted(by_size)]
        rows += _rows(json.loads(evaluation.read_text(encoding="utf-8")), sizes, bootstrap)
    table = pd.DataFrame(rows)
    table.to_csv(curve, sep="\t", index=False)
    logging.info("%s", table.to_string(index=False))


def _rows(
    evaluation: dict[str, Any], sizes: list[list[pd.DataFrame]], bootstrap: dict[str, Any]
) -> list[dict[str, Any]]:
    """An experiment's lines, from its tables of predictions for each size, smallest first."""
    (final,) = sizes[-1]
    if any(list(table["video"]) != list(final["video"]) for size in sizes for table in size):
        raise ValueError("the fits were tested on different videos")
    points = evaluate_training_sizes(
        label_numbers(final),
        [[table["score"].to_numpy() for table in size] for size in sizes],
        final["group"].to_numpy(),
        **bootstrap,
    )
    return [
        {
            "experiment": evaluation["experiment"],
            "protocol": evaluation["protocol"],
            "leak": leak_name(evaluation["leak"]["word"]),
            "train_groups": _size(size[0]),
            "train_videos": round(pd.concat(size)["train_videos"].mean(), 1),
            "fits": len(size),
            "test_videos": len(final),
            "test_groups": final["group"].nunique(),
            **estimate_columns("roc_auc", point["roc_auc"]),
            **estimate_columns("gain", point["gain"]),
            "min": point["min"],
            "max": point["max"],
        }
        for size, point in zip(sizes, points, strict=True)
    ]


def _size(table: pd.DataFrame) -> int:
    return int(table["train_groups"].iloc[0])


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

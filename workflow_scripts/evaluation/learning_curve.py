"""Gather what each experiment is worth when it has learnt from fewer people."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.evaluation.metrics import growth
from workflow_scripts.lib.training.splits import leak_name


def main(
    evaluations: list[Path],
    predictions: list[Path],
    cards: list[Path],
    fits: list[Path],
    repeats: int,
    n_resamples: int,
    confidence_level: float,
    seed: int,
    curve: Path,
) -> None:
    """Write a table with a line per experiment and number of groups that were trained on.

    `evaluations` and `cards` (JSON) and `predictions` (per video) are of the final models, which
    were trained on all groups; `fits` are, for each, the tables of `fit_learning_curve`, those of
    all `repeats` of a number of groups together.
    """
    rows: list[dict[str, Any]] = []
    each = len(fits) // len(cards)
    tables_of = [fits[first : first + each] for first in range(0, len(fits), each)]
    for evaluation, predicted, card, tables in zip(
        evaluations, predictions, cards, tables_of, strict=True
    ):
        result = json.loads(evaluation.read_text(encoding="utf-8"))
        training = json.loads(card.read_text(encoding="utf-8"))["training"]
        final = read_table(predicted).assign(
            train_groups=len(training["groups"]), train_videos=training["videos"]
        )
        read = [read_table(path) for path in tables]
        by_size = {_size(read[i]): read[i : i + repeats] for i in range(0, len(read), repeats)}
        by_size[_size(final)] = [final]  # few groups: "half" of them may be all
        sizes = [by_size[size] for size in sorted(by_size)]
        rows += _rows(result, sizes, n_resamples, confidence_level, seed)
    table = pd.DataFrame(rows)
    table.to_csv(curve, sep="\t", index=False)
    logging.info("%s", table.to_string(index=False))


def _rows(
    result: dict[str, Any],
    sizes: list[list[pd.DataFrame]],
    n_resamples: int,
    confidence_level: float,
    seed: int,
) -> list[dict[str, Any]]:
    """An experiment's lines, from the predictions of each number of groups, the smallest first."""
    (final,) = sizes[-1]
    if any(list(table["video"]) != list(final["video"]) for same in sizes for table in same):
        raise ValueError("the fits were tested on different videos")
    grown = growth(
        label_numbers(final),
        [[table["score"].to_numpy() for table in same] for same in sizes],
        final["group"].to_numpy(),
        n_resamples,
        confidence_level,
        seed,
    )
    return [
        {
            "experiment": result["experiment"],
            "protocol": result["protocol"],
            "leak": leak_name(result["leak"]["word"]),
            "train_groups": _size(same[0]),
            "train_videos": round(pd.concat(same)["train_videos"].mean(), 1),
            "fits": len(same),
            "test_videos": len(final),
            "test_groups": final["group"].nunique(),
            **{
                f"{name}{suffix}": point[name][part]
                for name in ("roc_auc", "gain")
                for part, suffix in (("value", ""), ("low", "_low"), ("high", "_high"))
            },
            "min": point["min"],
            "max": point["max"],
        }
        for same, point in zip(sizes, grown, strict=True)
    ]


def _size(table: pd.DataFrame) -> int:
    return int(table["train_groups"].iloc[0])


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Hold the experiments of each protocol against the one that its validation liked best."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.evaluation.metrics import compare
from workflow_scripts.lib.training.splits import leak_name

COLUMNS = ["protocol", "leak", "experiment", "reference", "test_videos", "test_groups"]
PARTS = ("difference", "low", "high", "p_value")


def main(
    evaluations: list[Path],
    predictions: list[Path],
    cards: list[Path],
    n_resamples: int,
    confidence_level: float,
    seed: int,
    comparisons: Path,
) -> None:
    """Write a table with a line per experiment and protocol: by how much it is better, per video
    of the test part, than the protocol's reference.

    The reference is chosen by its AUC in the validation, not in the test: the luckiest of many in
    the test would make the others look worse than they are. `evaluations` and `cards` (JSON) and
    `predictions` (per video) are of the same experiments.
    """
    tried: dict[str, list[tuple[Any, Any, pd.DataFrame]]] = {}
    for evaluation, card, videos in zip(evaluations, cards, predictions, strict=True):
        result = json.loads(evaluation.read_text(encoding="utf-8"))
        about = json.loads(card.read_text(encoding="utf-8"))
        tried.setdefault(result["protocol"], []).append((result, about, read_table(videos)))
    rows = []
    for experiments in tried.values():
        reference = max(experiments, key=lambda tried: tried[1]["validation"]["video_roc_auc"])
        for other in experiments:
            if other is not reference:
                rows.append(_row(other, reference, n_resamples, confidence_level, seed))
    metrics = [f"{metric}_{part}" for metric in ("accuracy", "roc_auc") for part in PARTS]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *metrics])
    table.to_csv(comparisons, sep="\t", index=False)
    logging.info("%s", table.to_string(index=False))


def _row(
    one: tuple[Any, Any, pd.DataFrame],
    reference: tuple[Any, Any, pd.DataFrame],
    n_resamples: int,
    confidence_level: float,
    seed: int,
) -> dict[str, Any]:
    results, _, (table, other) = zip(one, reference, strict=True)
    if list(table["video"]) != list(other["video"]):
        raise ValueError("the experiments were tested on different videos")
    found = compare(
        label_numbers(table),
        (table["score"].to_numpy(), other["score"].to_numpy()),
        table["group"].to_numpy(),
        (results[0]["threshold"], results[1]["threshold"]),
        n_resamples,
        confidence_level,
        seed,
    )
    return {
        "protocol": results[0]["protocol"],
        "leak": leak_name(results[0]["leak"]["word"]),
        "experiment": results[0]["experiment"],
        "reference": results[1]["experiment"],
        "test_videos": found["n"],
        "test_groups": found["groups"],
        **{
            f"{metric}_{part}": found[metric][part]
            for metric in ("accuracy", "roc_auc")
            for part in PARTS
        },
    }


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

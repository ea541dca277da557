"""Compare the experiments of each protocol with the one that did best in its validation."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.evaluation.metrics import compare
from workflow_scripts.lib.training.splits import leak_name

COLUMNS = [
    *("protocol", "leak", "experiment", "reference", "test_videos", "test_groups"),
    *(f"accuracy_{value}" for value in ("difference", "low", "high", "p_value")),
    *(f"roc_auc_{value}" for value in ("difference", "low", "high", "p_value")),
]


def main(
    evaluations: list[Path],
    predictions: list[Path],
    cards: list[Path],
    bootstrap: dict[str, Any],
    comparisons: Path,
) -> None:
    """Write a line per experiment and protocol: how much better it is than the protocol's
    reference, per video of the test part.

    The reference has the highest AUC in the validation, not in the test: the luckiest of many in
    the test would make the others look worse than they are. `evaluations` and `cards` (JSON) and
    `predictions` (per video) are of the same experiments.
    """
    protocols: dict[str, list[dict[str, Any]]] = {}
    for evaluation, card, videos in zip(evaluations, cards, predictions, strict=True):
        result = json.loads(evaluation.read_text(encoding="utf-8"))
        validation = json.loads(card.read_text(encoding="utf-8"))["validation"]
        result |= {"validation": validation["video_roc_auc"], "predictions": read_table(videos)}
        protocols.setdefault(result["protocol"], []).append(result)
    rows = []
    for experiments in protocols.values():
        reference = max(experiments, key=lambda result: result["validation"])
        rows += [_row(e, reference, bootstrap) for e in experiments if e is not reference]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.to_csv(comparisons, sep="\t", index=False)
    logging.info("%s", table.to_string(index=False))


def _row(
    result: dict[str, Any], reference: dict[str, Any], bootstrap: dict[str, Any]
) -> dict[str, Any]:
    table, other = result["predictions"], reference["predictions"]
    if list(table["video"]) != list(other["video"]):
        raise ValueError("the experiments were tested on different videos")
    comparison = compare(
        label_numbers(table),
        (table["score"].to_numpy(), other["score"].to_numpy()),
        table["group"].to_numpy(),
        (result["threshold"], reference["threshold"]),
        **bootstrap,
    )
    n_videos, n_groups = comparison.pop("n"), comparison.pop("groups")
    return {
        "protocol": result["protocol"],
        "leak": leak_name(result["leak"]["word"]),
        "experiment": result["experiment"],
        "reference": reference["experiment"],
        "test_videos": n_videos,
        "test_groups": n_groups,
        **{f"{m}_{name}": value for m in comparison for name, value in comparison[m].items()},
    }


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

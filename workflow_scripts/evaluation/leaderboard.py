"""Compare all experiments under all protocols in one table."""

import json
import logging
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.common.joblog import read_cost
from workflow_scripts.lib.common.labels import LeakStatus
from workflow_scripts.lib.common.tables import OWN
from workflow_scripts.lib.evaluation.metrics import PROBABILITY_METRICS, estimate_columns
from workflow_scripts.lib.training.splits import leak_name

FRAME_METRICS = ("accuracy", "balanced_accuracy", "roc_auc", "eer")
METRICS = {
    "video": (*FRAME_METRICS, "average_precision", "tpr_at_5pct_fpr", *PROBABILITY_METRICS),
    "frame": FRAME_METRICS,
}
LEAKS = list(LeakStatus)


def main(
    evaluations: list[Path],
    cards: list[Path],
    trained: list[Path],
    tuned: list[Path],
    leaderboard: Path,
) -> None:
    """Write a line per experiment, protocol and test set: honest ones first, among them the run's
    own test part before other runs, and the highest AUC per video first.

    `trained` are the logs of `train_model` and `tuned` those of `fit_fold`, which hold the costs.
    """
    results, models = (
        [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        for paths in (evaluations, cards)
    )
    card_of = {(card["protocol"], card["experiment"]): card for card in models}
    tuning: dict[tuple[str, str], float] = defaultdict(float)
    for log in tuned:
        protocol, experiment, _, _ = log.parts[-4:]
        tuning[protocol, experiment] += read_cost(log)["cpu_s"]
    costs = {}
    for log in trained:
        key = log.parent.name, log.stem
        costs[key] = {**read_cost(log), "tuning_cpu_s": round(tuning[key], 2)}
    rows = []
    for result in sorted(results, key=_sort_key):
        key = result["protocol"], result["experiment"]
        rows.append(_row(result, card_of[key], costs[key]))
    table = pd.DataFrame(rows)
    table.to_csv(leaderboard, sep="\t", index=False)
    logging.info("%s", table.iloc[:, :10].to_string(index=False))


def _sort_key(result: dict[str, Any]) -> tuple[int, str, float]:
    auc = result["video"]["roc_auc"]["value"]
    test_set = "" if result["tested_on"] == OWN else result["tested_on"]
    return LEAKS.index(result["leak"]["word"]), test_set, math.inf if auc is None else -auc


def _row(
    evaluation: dict[str, Any], card: dict[str, Any], cost: dict[str, float]
) -> dict[str, Any]:
    row = {
        "protocol": evaluation["protocol"],
        "tested_on": evaluation["tested_on"],
        "leak": leak_name(evaluation["leak"]["word"]),
        "experiment": evaluation["experiment"],
        "model": card["model"],
        "features": card["features"]["name"],
        "resize": card["features"]["resize"],
        "test_videos": evaluation["video"]["n"],
        "test_groups": evaluation["video"]["groups"],
    }
    for level, metrics in METRICS.items():
        for metric in metrics:
            row |= estimate_columns(f"{level}_{metric}", evaluation[level][metric])
    return row | {f"train_{name}": value for name, value in cost.items()}


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

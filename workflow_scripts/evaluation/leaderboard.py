"""Put every experiment under every protocol side by side."""

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.common.joblog import read_cost
from workflow_scripts.lib.common.tables import OWN
from workflow_scripts.lib.training.splits import leak_name

FRAME_METRICS = ("accuracy", "balanced_accuracy", "roc_auc", "eer")
METRICS = {
    "video": (
        *FRAME_METRICS,
        "average_precision",
        "tpr_at_5pct_fpr",
        "log_loss",
        "brier",
        "calibration_error",
    ),
    "frame": FRAME_METRICS,
}
ORDER = {leak_name(word): place for place, word in enumerate(("no", "unknown", "person", "video"))}


def main(
    evaluations: list[Path],
    cards: list[Path],
    trained: list[Path],
    tuned: list[Path],
    leaderboard: Path,
) -> None:
    """Write a table with a line per experiment, protocol and place of the test: the honest ones
    first, and of these the run's own test part before other runs.

    `trained` are the logs of `train_model`, `tuned` those of `fit_fold`: they tell what it cost.
    """
    results, models = (
        [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        for paths in (evaluations, cards)
    )
    card_of, costs = {_key(card): card for card in models}, _costs(trained, tuned)
    table = pd.DataFrame([_row(each, card_of[_key(each)], costs[_key(each)]) for each in results])
    order = pd.DataFrame(
        {
            "leak": table["leak"].map(ORDER),
            "place": table["tested_on"].replace(OWN, ""),
            "auc": -table["video_roc_auc"].astype(float),
        }
    )
    table = table.loc[order.sort_values(["leak", "place", "auc"], kind="stable").index]
    table.to_csv(leaderboard, sep="\t", index=False)
    logging.info("%s", table.iloc[:, :10].to_string(index=False))


def _key(told: dict[str, Any]) -> tuple[str, str]:
    return told["protocol"], told["experiment"]


def _costs(
    trained: Sequence[Path], tuned: Sequence[Path]
) -> dict[tuple[str, str], dict[str, float]]:
    """What training and tuning cost, by protocol and experiment, which the logs' paths name."""
    tuning: dict[tuple[str, str], float] = defaultdict(float)
    for log in tuned:
        protocol, experiment, _, _ = log.parts[-4:]
        tuning[protocol, experiment] += read_cost(log)["cpu_s"]
    logs = {(log.parent.name, log.stem): log for log in trained}
    return {
        key: {**read_cost(log), "tuning_cpu_s": round(tuning[key], 2)} for key, log in logs.items()
    }


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
            for part, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
                row[f"{level}_{metric}{suffix}"] = evaluation[level][metric][part]
    return {**row, **{f"train_{name}": value for name, value in cost.items()}}


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

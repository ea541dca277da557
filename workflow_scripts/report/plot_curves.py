"""Show the ROC and precision-recall curves of all experiments under one protocol."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from workflow_scripts.lib.common.plotting import CYCLE, PALE, figure_title, save_figure
from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.evaluation.metrics import compute_curves

MOST_BANDS = 3  # curves of a picture that show theirs


def main(
    protocol: str,
    evaluations: list[Path],
    predictions: list[Path],
    bootstrap: dict[str, Any],
    figure: Path,
) -> None:
    """Draw the curves; `evaluations` (JSON) and `predictions` (per video) go in pairs."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    tables = [read_table(path) for path in predictions]
    best_first = sorted(
        zip(results, tables, strict=True),
        key=lambda pair: -(pair[0]["video"]["roc_auc"]["value"] or 0),
    )
    found = {
        result["experiment"]: compute_curves(
            label_numbers(table),
            table["score"].to_numpy(),
            table["group"].to_numpy(),
            **bootstrap,
        )
        for result, table in best_first
    }
    save_figure(figure, draw_curves(protocol, results[0]["leak"]["word"], found))


def draw_curves(
    protocol: str, leak: str, curves: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]
) -> Figure:
    """ROC and precision-recall curves per video of all experiments under one protocol.

    `curves` holds what `metrics.curves` found, by experiment, the best first. The first few have
    colours, and the first of these their bands: more would hide each other.
    """
    figure, both = plt.subplots(1, 2, figsize=(9.6, 4.6))
    shown = {name: found for name, found in curves.items() if found}
    for axes, kind in zip(both, ("roc", "precision_recall"), strict=True):
        for place, (name, found) in enumerate(shown.items()):
            curve = found[kind]
            coloured = place < len(CYCLE)
            style = {"color": CYCLE[place], "lw": 1.6} if coloured else {"color": PALE, "lw": 0.8}
            steps = "default" if kind == "roc" else "steps-pre"
            label = name if coloured else "others" if place == len(CYCLE) else "_"
            axes.plot(curve["x"], curve["y"], ds=steps, label=label, zorder=3 - place / 99, **style)
            if place < MOST_BANDS and len(curve["at"]):
                axes.fill_between(
                    curve["at"], curve["low"], curve["high"], color=CYCLE[place], alpha=0.14, lw=0
                )
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
    left, right = both
    left.plot([0, 1], [0, 1], color=PALE, linestyle=":", label="a coin's toss", zorder=0)
    left.set(xlabel="real videos called fake", ylabel="fake videos called fake", title="ROC")
    right.set(
        xlabel="fake videos found (recall)",
        ylabel="of those called fake, fake (precision)",
        title="precision and recall",
    )
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.suptitle(figure_title("Per video", protocol, leak))
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

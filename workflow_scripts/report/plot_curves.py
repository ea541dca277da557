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

MAX_BANDS = 3  # of the best curves: more would hide each other


def main(
    protocol: str,
    evaluations: list[Path],
    predictions: list[Path],
    bootstrap: dict[str, Any],
    figure: Path,
) -> None:
    """Draw the curves; `evaluations` (JSON) and `predictions` (per video) go in pairs."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    pairs = list(zip(results, map(read_table, predictions), strict=True))
    pairs.sort(key=lambda pair: -(pair[0]["video"]["roc_auc"]["value"] or 0))
    curves = {
        result["experiment"]: compute_curves(
            label_numbers(table), table["score"].to_numpy(), table["group"].to_numpy(), **bootstrap
        )
        for result, table in pairs
    }
    save_figure(figure, draw_curves(protocol, results[0]["leak"]["word"], curves))


def draw_curves(
    protocol: str, leak: str, curves: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]
) -> Figure:
    """ROC and precision-recall curves per video; `curves` are those of `metrics.compute_curves` by
    experiment, best first. The first few are coloured, and the first of these have bands."""
    figure, panels = plt.subplots(1, 2, figsize=(9.6, 4.6))
    defined = {name: pair for name, pair in curves.items() if pair}
    for axes, kind in zip(panels, ("roc", "precision_recall"), strict=True):
        for rank, (name, pair) in enumerate(defined.items()):
            curve = pair[kind]
            coloured = rank < len(CYCLE)
            style = {"color": CYCLE[rank], "lw": 1.6} if coloured else {"color": PALE, "lw": 0.8}
            steps = "default" if kind == "roc" else "steps-pre"
            label = name if coloured else "others" if rank == len(CYCLE) else "_"
            axes.plot(curve["x"], curve["y"], ds=steps, label=label, zorder=3 - rank / 99, **style)
            if rank < MAX_BANDS and len(curve["at"]):
                band = curve["at"], curve["low"], curve["high"]
                axes.fill_between(*band, color=CYCLE[rank], alpha=0.14, lw=0)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
    left, right = panels
    left.plot([0, 1], [0, 1], color=PALE, linestyle=":", label="chance", zorder=0)
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

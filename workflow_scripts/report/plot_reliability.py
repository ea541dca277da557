"""Show the reliability diagrams of all experiments under one protocol."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, PercentFormatter

from workflow_scripts.lib.common.plotting import CYCLE, PALE, figure_title, save_figure
from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.evaluation.metrics import compute_reliability


def main(protocol: str, evaluations: list[Path], predictions: list[Path], figure: Path) -> None:
    """Draw the diagrams; `evaluations` (JSON) and `predictions` (per video) go in pairs."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    bins = {
        result["experiment"]: compute_reliability(
            label_numbers(table), table["probability"].to_numpy(), table["group"].to_numpy()
        )
        for result, table in zip(results, map(read_table, predictions), strict=True)
    }
    save_figure(figure, draw_reliability(protocol, results[0]["leak"]["word"], bins))


def draw_reliability(
    protocol: str, leak: str, bins: Mapping[str, Sequence[Mapping[str, float]]]
) -> Figure:
    """A panel per experiment; `bins` are those of `metrics.compute_reliability`."""
    columns = min(4, len(bins))
    rows = -(-len(bins) // columns)
    figure, panels = plt.subplots(
        rows,
        columns,
        figsize=(max(4.4, 2.3 * columns), 0.6 + 2.4 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axes, (name, points) in zip(panels.flat, bins.items(), strict=False):
        axes.plot([0, 1], [0, 1], color=PALE, linestyle=":")
        table = pd.DataFrame(points)
        x, sizes = table["probability"], 10 + 60 * table["n"] / table["n"].max()
        axes.vlines(x, table["low"], table["high"], color=CYCLE[0], lw=1)
        axes.scatter(x, table["share"], s=sizes, color=CYCLE[0], zorder=2, clip_on=False)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        axes.set_title(name, fontsize=8)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
            axis.set_major_locator(FixedLocator([0, 0.5, 1]))
    for axes in panels.flat[len(bins) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(0, len(bins) - columns) : len(bins)]:
        axes.tick_params(labelbottom=True)  # the lowest of its column
    figure.supxlabel("calibrated probability of fake", fontsize=9)
    figure.supylabel("videos that are fake", fontsize=9)
    figure.suptitle(figure_title("Calibration", protocol, leak), fontsize=10)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

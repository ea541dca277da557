"""Show the AUC for each kind of fake under one protocol."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from workflow_scripts.lib.common.plotting import CYCLE, figure_title, save_figure

COLOURS = {"method": CYCLE[0], "compression": CYCLE[2], "dataset": CYCLE[4]}


def main(evaluations: list[Path], figure: Path) -> None:
    """Draw the `evaluations` (JSON) of all experiments, the best first."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    results.sort(key=lambda result: -(result["video"]["roc_auc"]["value"] or 0))
    save_figure(figure, draw_subgroups(results))


def draw_subgroups(evaluations: Sequence[Mapping]) -> Figure:
    """AUC per video: a panel per subgroup, a row per experiment.

    `evaluations` are of one protocol, the best experiment first. All methods are shown, and
    compressions and data sets if there are several.
    """
    first = evaluations[0]
    subgroups = [
        (column, subgroup)
        for column, results in first["kinds"].items()
        if column == "method" or len(results) > 1
        for subgroup in results
    ]
    names = [evaluation["experiment"] for evaluation in evaluations]
    figure, panels = plt.subplots(
        1,
        max(1, len(subgroups)),
        figsize=(max(5.6, 1.6 + 2 * len(subgroups)), 1.3 + 0.3 * len(names)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axes, (column, subgroup) in zip(panels.flat, subgroups, strict=False):
        results = [evaluation["kinds"][column][subgroup] for evaluation in evaluations]
        for row, auc in enumerate(result["roc_auc"] for result in results):
            if auc["value"] is not None:
                axes.barh(row, auc["value"], color=COLOURS[column], alpha=0.85)
            if auc["low"] is not None:
                axes.hlines(row, auc["low"], auc["high"], color="black", lw=1.2)
        axes.axvline(0.5, color="black", linestyle=":", lw=0.8)
        confusion = results[0]["confusion"]
        n_fakes = confusion["fake_called_real"] + confusion["fake_called_fake"]
        axes.set_title(f"{subgroup}\n{n_fakes} fakes", fontsize=8)
        axes.set(xlim=(0, 1))
        axes.xaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
    panels[0, 0].set_yticks(range(len(names)), names)
    panels[0, 0].invert_yaxis()
    figure.supxlabel("AUC per video", fontsize=9)
    title = figure_title("Per kind of fake", first["protocol"], first["leak"]["word"])
    figure.suptitle(title, fontsize=10)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

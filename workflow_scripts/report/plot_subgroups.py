"""Show how well each kind of fake is found under one protocol."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from workflow_scripts.lib.common.plotting import CYCLE, figure_title, save_figure

SORTS = {"method": CYCLE[0], "compression": CYCLE[2], "dataset": CYCLE[4]}


def main(evaluations: list[Path], figure: Path) -> None:
    """Draw the `evaluations` (JSON) of all experiments, the best first."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    results.sort(key=lambda result: -(result["video"]["roc_auc"]["value"] or 0))
    save_figure(figure, draw_subgroups(results))


def draw_subgroups(evaluations: Sequence[Mapping]) -> Figure:
    """AUC per video for each kind of fake: a column per kind, a row per experiment.

    `evaluations` are of one protocol, the best experiment first. Methods are always shown,
    compressions and data sets where there are several.
    """
    columns = [
        (sort, kind)
        for sort, kinds in evaluations[0]["kinds"].items()
        if sort == "method" or len(kinds) > 1
        for kind in kinds
    ]
    names = [result["experiment"] for result in evaluations]
    figure, panels = plt.subplots(
        1,
        max(1, len(columns)),
        figsize=(max(5.6, 1.6 + 2 * len(columns)), 1.3 + 0.3 * len(names)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axes, (sort, kind) in zip(panels.flat, columns, strict=False):
        shown = [result["kinds"][sort][kind] for result in evaluations]
        for row, result in enumerate(shown):
            area = result["roc_auc"]
            if area["value"] is not None:
                axes.barh(row, area["value"], color=SORTS[sort], alpha=0.85)
            if area["low"] is not None:
                axes.hlines(row, area["low"], area["high"], color="black", lw=1.2)
        axes.axvline(0.5, color="black", linestyle=":", lw=0.8)
        fakes = sum(shown[0]["confusion"][f"fake_called_{word}"] for word in ("real", "fake"))
        axes.set_title(f"{kind}\n{fakes} fakes", fontsize=8)
        axes.set(xlim=(0, 1))
        axes.xaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
    panels[0, 0].set_yticks(range(len(names)), names)
    panels[0, 0].invert_yaxis()
    figure.supxlabel("AUC per video", fontsize=9)
    protocol, leak = evaluations[0]["protocol"], evaluations[0]["leak"]["word"]
    figure.suptitle(figure_title("Per kind of fake", protocol, leak), fontsize=10)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Compare the results of each experiment under leaky and honest protocols."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from workflow_scripts.lib.common.labels import LeakStatus
from workflow_scripts.lib.common.plotting import LEAK_WORDS, PALE, experiment_styles, save_figure


def main(evaluations: list[Path], figure: Path) -> None:
    """Draw the `evaluations` (JSON) of every experiment under every protocol."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    save_figure(figure, draw_leak_gap(results))


def draw_leak_gap(evaluations: Sequence[Mapping]) -> Figure:
    """The same experiments under every protocol of a run, the leakiest first."""
    severity = list(LeakStatus)
    leaks = {result["protocol"]: result["leak"]["word"] for result in evaluations}
    protocols = sorted(leaks, key=lambda protocol: -severity.index(leaks[protocol]))
    ticks = [f"{name}\n{textwrap.fill(LEAK_WORDS[leaks[name]], 20)}" for name in protocols]
    by_name = {(result["experiment"], result["protocol"]): result for result in evaluations}
    styles = experiment_styles([result["experiment"] for result in evaluations])
    width = max(9.6, 3 + 3 * len(protocols))
    figure, panels = plt.subplots(1, 2, figsize=(width, 4.4), sharex=True)
    metrics = (
        ("frame", "accuracy", "Accuracy per frame (the reference study's measure)"),
        ("video", "roc_auc", "AUC per video"),
    )
    for axes, (level, metric, title) in zip(panels, metrics, strict=True):
        axes.axhline(0.5, color=PALE, linestyle=":")
        for number, (name, style) in enumerate(styles.items()):
            shift = (number - (len(styles) - 1) / 2) * min(0.05, 0.5 / len(styles))
            x = np.arange(len(protocols)) + shift
            points = [by_name[name, protocol][level][metric] for protocol in protocols]
            table = pd.DataFrame(points, dtype=float)
            axes.plot(x, table["value"], lw=1, label=name, **style)
            axes.vlines(x, table["low"], table["high"], color=style["color"], lw=1)
        axes.set(title=title, ylim=(0, 1.03), xlim=(-0.4, len(protocols) - 0.6))
        axes.set_xticks(range(len(protocols)), ticks)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

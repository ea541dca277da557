"""Show what the experiments are worth when they have learnt from fewer people."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, StrMethodFormatter

from workflow_scripts.lib.common.plotting import (
    LEAK_WORDS,
    PALE,
    experiment_styles,
    figure_title,
    save_figure,
)
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.evaluation.learning_curve import advise
from workflow_scripts.lib.training.splits import leak_name


def main(curve: Path, confidence_level: float, figure: Path) -> None:
    """Draw `learning_curve.tsv`, and say whether more people would help."""
    table = read_table(curve)
    advice = {
        str(name): advise(rows.to_dict("records"), confidence_level)
        for name, rows in table.groupby("experiment", sort=False)
    }
    save_figure(figure, draw_learning_curve(table, advice))


def draw_learning_curve(table: pd.DataFrame, said: Mapping[str, str]) -> Figure:
    """AUC per video against the number of groups that were learnt from, a line per experiment.

    `table` is `learning_curve.tsv`; `said` is what follows for each experiment, and stands below.
    """
    lines = [textwrap.fill(f"{name}: {text}", 105) for name, text in said.items()]
    below = "\n".join(lines)
    height = 0.3 + 0.17 * (below.count("\n") + 1)
    figure, (axes, words) = plt.subplots(
        2, 1, figsize=(7.2, 3.8 + height), height_ratios=(3.8, height)
    )
    styles = experiment_styles(list(said))
    for name, style in styles.items():
        rows = table[table["experiment"] == name]
        x, colour = rows["train_groups"], style["color"]
        axes.plot(x, rows["roc_auc"], label=name, **style)
        axes.fill_between(
            x, rows["roc_auc_low"].astype(float), rows["roc_auc_high"].astype(float),
            color=colour, alpha=0.14, lw=0,
        )  # fmt: skip
        for end in ("min", "max"):
            axes.plot(x, rows[end], ".", color=colour, ms=3)
    axes.axhline(0.5, color=PALE, linestyle=":")
    axes.set_xscale("log", base=2)
    sizes = sorted(set(table["train_groups"]))
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(FixedLocator([]))
    axes.set(xlabel="groups of people in the training", ylabel="AUC per video", ylim=(0, 1.03))
    axes.legend(fontsize=8, loc="lower right")
    words.set_axis_off()
    words.text(0, 1, below, ha="left", va="top", fontsize=8)
    leak = {leak_name(word): word for word in LEAK_WORDS}[table["leak"].iloc[0]]
    figure.suptitle(figure_title("Learning curve", table["protocol"].iloc[0], leak), fontsize=10)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

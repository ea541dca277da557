"""Show how well the experiments do when they were trained on fewer people."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

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


def draw_learning_curve(table: pd.DataFrame, advice: Mapping[str, str]) -> Figure:
    """AUC per video against the number of training groups, a line per experiment of
    `learning_curve.tsv`; below, the `advice` for each."""
    below = "\n".join(textwrap.fill(f"{name}: {text}", 105) for name, text in advice.items())
    height = 0.3 + 0.17 * (below.count("\n") + 1)
    figure, (axes, notes) = plt.subplots(
        2, 1, figsize=(7.2, 3.8 + height), height_ratios=(3.8, height)
    )
    for name, style in experiment_styles(list(advice)).items():
        rows = table[table["experiment"] == name]
        x, colour = rows["train_groups"], style["color"]
        low, high = rows["roc_auc_low"].astype(float), rows["roc_auc_high"].astype(float)
        axes.plot(x, rows["roc_auc"], label=name, **style)
        axes.fill_between(x, low, high, color=colour, alpha=0.14, lw=0)
        axes.plot(x, rows[["min", "max"]], ".", color=colour, ms=3)
    axes.axhline(0.5, color=PALE, linestyle=":")
    axes.set_xscale("log", base=2)
    sizes = sorted(set(table["train_groups"]))
    axes.set_xticks(sizes, map(str, sizes))
    axes.minorticks_off()
    axes.set(xlabel="groups of people in the training", ylabel="AUC per video", ylim=(0, 1.03))
    axes.legend(fontsize=8, loc="lower right")
    notes.set_axis_off()
    notes.text(0, 1, below, ha="left", va="top", fontsize=8)
    leak = {leak_name(word): word for word in LEAK_WORDS}[table["leak"].iloc[0]]
    figure.suptitle(figure_title("Learning curve", table["protocol"].iloc[0], leak), fontsize=10)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Show the confusion matrices of one experiment."""

import json
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from workflow_scripts.lib.common.plotting import figure_title, save_figure

LABELS = ("real", "fake")


def main(evaluation: Path, figure: Path) -> None:
    """Draw the confusion matrices of `evaluation` (JSON)."""
    save_figure(figure, draw_confusion(json.loads(evaluation.read_text(encoding="utf-8"))))


def draw_confusion(evaluation: Mapping) -> Figure:
    """Confusion matrices of one experiment, per video and per frame."""
    figure, panels = plt.subplots(1, 2, figsize=(6.4, 3.2))
    for axes, level in zip(panels, ("video", "frame"), strict=True):
        counts = evaluation[level]["confusion"]
        names = [f"{label}_called_{predicted}" for label in LABELS for predicted in LABELS]
        cells = np.array([counts[name] for name in names]).reshape(2, 2)
        shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            text = f"{cells[row, column]}\n{share:.0%}"
            colour = "white" if share > 0.5 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour)
        axes.set_xticks([0, 1], LABELS)
        axes.set_yticks([0, 1], LABELS)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="called", ylabel="is", title=f"per {level}")
    figure.suptitle(
        figure_title(evaluation["experiment"], evaluation["protocol"], evaluation["leak"]["word"])
    )
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

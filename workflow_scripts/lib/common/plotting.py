"""What the report's pictures share: their looks, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen is needed

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.common.labels import LeakStatus

__all__ = [
    "COLOUR",
    "CYCLE",
    "LEAK_WORDS",
    "PALE",
    "experiment_styles",
    "figure_title",
    "save_figure",
]

# Okabe and Ito's palette, told apart by colour-blind people too
COLOUR = {"real": "#0072B2", "fake": "#D55E00", "all": "#555555"}
CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "D", "^", "v", "P", "X"]  # as many as colours
PALE = "#bbbbbb"

# What a picture says of a split, by `splits.Leak.word`
LEAK_WORDS: dict[str, str] = {
    LeakStatus.NO: "no person on both sides",
    LeakStatus.UNKNOWN: "who is in the videos is unknown",
    LeakStatus.PERSON: "leaky: the same person on both sides",
    LeakStatus.VIDEO: "leaky: the same video on both sides",
}

plt.rcParams.update(
    {
        "figure.dpi": 150,
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.prop_cycle": plt.cycler(color=CYCLE),
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
    }
)


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, the same bytes for the same figure."""
    with atomic_write(path) as aside:
        figure.savefig(aside, format="png", metadata={"Software": None})
    plt.close(figure)


def experiment_styles(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """A colour and a marker for each name, the same for the same names in any order; the pair is
    the same for none of the first 49."""
    n = len(CYCLE)
    return {
        name: {"color": CYCLE[i % n], "marker": MARKERS[(i + i // n) % n]}
        for i, name in enumerate(sorted(set(names)))
    }


def figure_title(subject: str, protocol: str, leak: str) -> str:
    """A figure's title, with what a split of that `leak` (`splits.Leak.word`) shares."""
    caution = f" ({LEAK_WORDS[leak]})" if leak != "no" else ""
    return f"{subject}, protocol {protocol}{caution}"

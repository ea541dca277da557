"""Style and output of the report's figures."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # needs no display

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.common.labels import LeakStatus

# Okabe and Ito's palette for colour-blind readers
COLOUR = {"real": "#0072B2", "fake": "#D55E00", "all": "#555555"}
CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "D", "^", "v", "P", "X"]  # as many as colours
PALE = "#bbbbbb"

# A figure's description of a split, by `splits.Leak.word`
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
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    plt.close(figure)


def experiment_styles(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """A colour and a marker for each name, independent of their order; the first 49 pairs are
    distinct."""
    n = len(CYCLE)
    return {
        name: {"color": CYCLE[i % n], "marker": MARKERS[(i + i // n) % n]}
        for i, name in enumerate(sorted(set(names)))
    }


def figure_title(subject: str, protocol: str, leak: str) -> str:
    """A figure's title, with a warning if the split leaks (`splits.Leak.word`)."""
    warning = f" ({LEAK_WORDS[leak]})" if leak != LeakStatus.NO else ""
    return f"{subject}, protocol {protocol}{warning}"

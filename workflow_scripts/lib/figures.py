"""The report's pictures: one function per picture, from plain tables to a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen is needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import roc_curve

from workflow_scripts.lib.run import written_aside

__all__ = [
    "draw_capture_rates",
    "draw_class_counts",
    "draw_confusion",
    "draw_importance",
    "draw_roc",
    "draw_run_times",
    "save_figure",
]

# Okabe and Ito's palette, told apart by colour-blind people too
COLOUR = {"real": "#0072B2", "fake": "#D55E00", "all": "#555555"}
CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

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
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", metadata={"Software": None})
    plt.close(figure)


def draw_class_counts(quality: pd.DataFrame) -> Figure:
    """How many videos of each label (and method) the run has, and what became of them."""
    kinds = quality["label"].str.cat(quality["method"].fillna(""), sep=" ").str.strip()
    kept = pd.crosstab(kinds, quality["crops"] > 0).reindex(columns=[True, False], fill_value=0)
    kept = kept.sort_index()  # fake before real, so that real stands above
    figure, axes = plt.subplots(figsize=(6, 1.2 + 0.45 * len(kept)))
    colours = [COLOUR[str(name).split()[0]] for name in kept.index]
    axes.barh(kept.index, kept[True], color=colours)
    axes.barh(
        kept.index, kept[False], left=kept[True], color="white", edgecolor=colours, hatch="//"
    )
    for row, (used, lost) in enumerate(kept.to_numpy()):
        axes.text(
            used + lost, row, f"  {used}" + (f" used, {lost} lost" if lost else ""), va="center"
        )
    axes.set(xlabel="videos", title="Videos per class (hatched: no face crop)")
    axes.set_xlim(0, kept.sum(axis=1).max() * 1.25)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def draw_capture_rates(rates: pd.DataFrame, confidence: float) -> Figure:
    """Share of the wanted frames that gave a face crop, per label."""
    figure, axes = plt.subplots(figsize=(6, 2.4))
    shown = rates[rates["frames_wanted"] > 0].iloc[::-1]
    axes.barh(
        shown["label"], shown["capture_rate"], color=[COLOUR[name] for name in shown["label"]]
    )
    for row, (_, rate) in enumerate(shown.iterrows()):
        text = f"{rate['crops']} of {rate['frames_wanted']} ({rate['capture_rate']:.1%})"
        axes.text(0.02, row, text, va="center", color="white", fontweight="bold")
    axes.set(xlim=(0, 1), title=f"Capture rate at detector confidence {confidence:g}")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    return figure


def draw_confusion(evaluation: Mapping) -> Figure:
    """Confusion matrices of one experiment, per video and per frame."""
    figure, both = plt.subplots(1, 2, figsize=(6.4, 3.2))
    for axes, level in zip(both, ("video", "frame"), strict=True):
        counts = evaluation[level]["confusion"]
        cells = np.array(
            [
                [counts["real_called_real"], counts["real_called_fake"]],
                [counts["fake_called_real"], counts["fake_called_fake"]],
            ]
        )
        shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(cells):
            share = shares[row, column]
            axes.text(
                column,
                row,
                f"{count}\n{share:.0%}",
                ha="center",
                va="center",
                color="white" if share > 0.5 else "black",
            )
        axes.set_xticks([0, 1], ["real", "fake"])
        axes.set_yticks([0, 1], ["real", "fake"])
        axes.spines[:].set_visible(False)
        axes.set(xlabel="called", ylabel="is", title=f"per {level}")
    figure.suptitle(
        _title(evaluation["experiment"], evaluation["protocol"], evaluation["leak"]["word"])
    )
    return figure


def draw_roc(protocol: str, leak: str, predictions: Mapping[str, pd.DataFrame]) -> Figure:
    """ROC curves per video of all experiments under one protocol.

    `predictions` has the columns `label` and `score`, by experiment.
    """
    figure, axes = plt.subplots(figsize=(5.6, 4.6))
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linestyle=":", label="a coin's toss")
    for name, table in predictions.items():
        fake = table["label"] == "fake"
        if fake.nunique() == 2:
            false_pos, true_pos, _ = roc_curve(fake, table["score"], drop_intermediate=False)
            area = float(np.trapezoid(true_pos, false_pos))
            axes.plot(false_pos, true_pos, label=f"{name}, AUC {area:.2f}")
    axes.set(
        xlabel="real videos called fake",
        ylabel="fake videos called fake",
        title=_title("ROC per video", protocol, leak),
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        aspect="equal",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right", fontsize=8)
    return figure


def draw_importance(
    importance: np.ndarray, mean_face: np.ndarray, experiment: str, protocol: str, leak: str
) -> Figure:
    """Where a model looks: importance per pixel over the mean face.

    Parameters
    ----------
    importance : (side, side) float
        Summed over the colours; adds up to 1.
    mean_face : (side, side, 3) uint8 RGB
    experiment, protocol, leak : str
        For the title; `leak` is `splits.Leak.word`.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8.4, 3.1))
    grey = mean_face.mean(axis=2)
    left.imshow(mean_face)
    left.set_title("mean face")
    middle.imshow(importance, cmap="inferno")
    middle.set_title("importance per pixel")
    right.imshow(grey, cmap="gray", vmin=0, vmax=255)
    smooth = _smooth(importance)
    shown = right.imshow(smooth / importance.mean(), cmap="inferno", alpha=0.55, vmin=0)
    right.set_title("smoothed, over the mean face")
    for axes in (left, middle, right):
        axes.set_axis_off()
    figure.colorbar(shown, ax=right, shrink=0.8, label="times the average")
    figure.suptitle(_title(experiment, protocol, leak))
    return figure


def _smooth(importance: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(importance, importance.shape[0] / 40)


def draw_run_times(costs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """CPU seconds and peak memory of each rule's jobs.

    `costs` holds, by rule and in order, `cpu_s` and `peak_memory_mb` of each job.
    """
    names = list(costs)[::-1]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 0.9 + 0.36 * len(names)), sharey=True)
    for row, name in enumerate(names):
        jobs = costs[name]
        seconds = sum(job["cpu_s"] for job in jobs)
        memory = max(job["peak_memory_mb"] for job in jobs)
        counted = f"{len(jobs)} jobs" if len(jobs) > 1 else "1 job"
        left.barh(row, seconds, color=COLOUR["all"])
        left.text(seconds, row, f"  {seconds:.1f} s, {counted}", va="center", fontsize=8)
        right.barh(row, memory, color=CYCLE[0])
        right.text(memory, row, f"  {memory:.0f}", va="center", fontsize=8)
    left.set_yticks(range(len(names)), names)
    left.set(title="CPU, all jobs together", xlabel="seconds")
    right.set(title="Peak memory of the largest job", xlabel="MB")
    for axes in (left, right):
        axes.set_xlim(0, axes.get_xlim()[1] * 1.35)
    return figure


def _title(subject: str, protocol: str, leak: str) -> str:
    caution = {
        "no": "",
        "unknown": " (who is in the videos is unknown)",
        "person": " (leaky: the same person on both sides)",
        "video": " (leaky: the same video on both sides)",
    }
    return f"{subject}, protocol {protocol}{caution[leak]}"

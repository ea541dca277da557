"""The report's pictures: one function per picture, from plain tables to a matplotlib figure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen is needed

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    LogFormatter,
    MaxNLocator,
    PercentFormatter,
    StrMethodFormatter,
)

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.features.spectrum import frequencies
from workflow_scripts.lib.training.splits import leak_name

__all__ = [
    "draw_capture_rates",
    "draw_class_counts",
    "draw_confusion",
    "draw_cost",
    "draw_curves",
    "draw_feature_importance",
    "draw_importance",
    "draw_kinds",
    "draw_leak_gap",
    "draw_learning_curve",
    "draw_mistakes",
    "draw_reliability",
    "draw_run_times",
    "save_figure",
]

# Okabe and Ito's palette, told apart by colour-blind people too
COLOUR = {"real": "#0072B2", "fake": "#D55E00", "all": "#555555"}
CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "D", "^", "v", "P", "X"]  # as many as colours
SORTS = {"method": CYCLE[0], "compression": CYCLE[2], "dataset": CYCLE[4]}
PALE = "#bbbbbb"
MOST_BANDS = 3  # curves of a picture that show theirs

# What a picture says of a split, by `splits.Leak.word`
SAID = {
    "no": "no person on both sides",
    "unknown": "who is in the videos is unknown",
    "person": "leaky: the same person on both sides",
    "video": "leaky: the same video on both sides",
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


def draw_curves(
    protocol: str, leak: str, curves: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]
) -> Figure:
    """ROC and precision-recall curves per video of all experiments under one protocol.

    `curves` holds what `metrics.curves` found, by experiment, the best first. The first few have
    colours, and the first of these their bands: more would hide each other.
    """
    figure, both = plt.subplots(1, 2, figsize=(9.6, 4.6))
    shown = {name: found for name, found in curves.items() if found}
    for axes, kind in zip(both, ("roc", "precision_recall"), strict=True):
        for place, (name, found) in enumerate(shown.items()):
            curve = found[kind]
            coloured = place < len(CYCLE)
            style = {"color": CYCLE[place], "lw": 1.6} if coloured else {"color": PALE, "lw": 0.8}
            steps = "default" if kind == "roc" else "steps-pre"
            label = name if coloured else "others" if place == len(CYCLE) else "_"
            axes.plot(curve["x"], curve["y"], ds=steps, label=label, zorder=3 - place / 99, **style)
            if place < MOST_BANDS and len(curve["at"]):
                axes.fill_between(
                    curve["at"], curve["low"], curve["high"], color=CYCLE[place], alpha=0.14, lw=0
                )
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
    left, right = both
    left.plot([0, 1], [0, 1], color=PALE, linestyle=":", label="a coin's toss", zorder=0)
    left.set(xlabel="real videos called fake", ylabel="fake videos called fake", title="ROC")
    right.set(
        xlabel="fake videos found (recall)",
        ylabel="of those called fake, fake (precision)",
        title="precision and recall",
    )
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.suptitle(_title("Per video", protocol, leak))
    return figure


def draw_reliability(
    protocol: str, leak: str, bins: Mapping[str, Sequence[Mapping[str, float]]]
) -> Figure:
    """What came true of the calibrated probabilities, a panel per experiment.

    `bins` holds what `metrics.reliability` found, by experiment.
    """
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
    for axes, (name, found) in zip(panels.flat, bins.items(), strict=False):
        axes.plot([0, 1], [0, 1], color=PALE, linestyle=":")
        x, share, low, high, n = (
            np.array([part[key] for part in found])
            for key in ("probability", "share", "low", "high", "n")
        )
        axes.vlines(x, low, high, color=CYCLE[0], lw=1)
        axes.scatter(x, share, s=10 + 60 * n / n.max(), color=CYCLE[0], zorder=2, clip_on=False)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        axes.set_title(name, fontsize=8)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
            axis.set_major_locator(FixedLocator([0, 0.5, 1]))
    for axes in panels.flat[len(bins) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(0, len(bins) - columns) : len(bins)]:
        axes.tick_params(labelbottom=True)  # the lowest of its column, whatever the row
    figure.supxlabel("calibrated probability of fake", fontsize=9)
    figure.supylabel("videos that are fake", fontsize=9)
    figure.suptitle(_title("Calibration", protocol, leak), fontsize=10)
    return figure


def draw_leak_gap(evaluations: Sequence[Mapping]) -> Figure:
    """The same experiments under every protocol of a run, the leakiest first."""
    severity = {"video": 0, "person": 1, "unknown": 2, "no": 3}
    leaks = {result["protocol"]: result["leak"]["word"] for result in evaluations}
    protocols = sorted(leaks, key=lambda protocol: severity[leaks[protocol]])
    styles = _styles([result["experiment"] for result in evaluations])
    width = max(9.6, 3 + 3 * len(protocols))
    figure, both = plt.subplots(1, 2, figsize=(width, 4.4), sharex=True)
    for axes, (level, metric, title) in zip(
        both,
        (
            ("frame", "accuracy", "Accuracy per frame (the reference study's measure)"),
            ("video", "roc_auc", "AUC per video"),
        ),
        strict=True,
    ):
        axes.axhline(0.5, color=PALE, linestyle=":")
        for place, (name, style) in enumerate(styles.items()):
            shift = (place - (len(styles) - 1) / 2) * min(0.05, 0.5 / len(styles))
            results = {
                result["protocol"]: result[level][metric]
                for result in evaluations
                if result["experiment"] == name
            }
            points = [results[protocol] for protocol in protocols]
            x = np.arange(len(protocols)) + shift
            values = np.array([point["value"] for point in points], float)
            axes.plot(x, values, lw=1, label=name, **style)
            for at, point in zip(x, points, strict=True):
                if point["low"] is not None:
                    axes.vlines(at, point["low"], point["high"], color=style["color"], lw=1)
        axes.set(title=title, ylim=(0, 1.03), xlim=(-0.4, len(protocols) - 0.6))
        axes.set_xticks(
            range(len(protocols)),
            [f"{name}\n{textwrap.fill(SAID[leaks[name]], 20)}" for name in protocols],
        )
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(*both[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return figure


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
    styles = _styles(list(said))
    for name, style in styles.items():
        rows = table[table["experiment"] == name]
        x, colour = rows["train_groups"], style["color"]
        axes.plot(x, rows["roc_auc"], label=name, **style)
        axes.fill_between(
            x, rows["roc_auc_low"].astype(float), rows["roc_auc_high"].astype(float),
            color=colour, alpha=0.14, lw=0,
        )  # fmt: skip
        for end in ("lowest", "highest"):
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
    leak = {leak_name(word): word for word in SAID}[table["leak"].iloc[0]]
    figure.suptitle(_title("Learning curve", table["protocol"].iloc[0], leak), fontsize=10)
    return figure


def draw_kinds(evaluations: Sequence[Mapping]) -> Figure:
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
    figure.suptitle(_title("Per kind of fake", protocol, leak), fontsize=10)
    return figure


def draw_cost(board: pd.DataFrame) -> Figure:
    """What each experiment is worth against what it cost: a row per protocol.

    `board` is the leaderboard's table.
    """
    protocols = board["protocol"].unique()
    styles = _styles(board["experiment"].tolist())
    figure, panels = plt.subplots(
        len(protocols), 2, figsize=(9.2, 0.6 + 3.1 * len(protocols)), sharey=True, squeeze=False
    )
    for (left, right), protocol in zip(panels, protocols, strict=True):
        rows = board[board["protocol"] == protocol]
        for row in rows.itertuples():
            style = {**styles[row.experiment], "ls": "none", "label": row.experiment}
            left.plot(row.train_cpu_s + row.train_tuning_cpu_s, row.video_roc_auc, **style)
            right.plot(row.train_peak_memory_mb, row.video_roc_auc, **style)
        for axes in (left, right):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
            axes.axhline(0.5, color=PALE, linestyle=":")
            axes.grid(alpha=0.25)
        leak = rows["leak"].iloc[0]
        left.set(ylabel="AUC per video", xlabel="CPU s, tuning and training together")
        left.set_title(f"{protocol} ({leak})" if leak != "no" else protocol, loc="left")
        right.set(xlabel="MB at the peak of training")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return figure


def draw_mistakes(
    protocol: str,
    leak: str,
    mistakes: Mapping[str, Sequence[tuple[np.ndarray, str]]],
    shown: int,
) -> Figure:
    """The frames about which each experiment was surest and wrong, a row per experiment.

    `mistakes` holds crops (side, side, 3) uint8 and what to write above them, up to `shown` each.
    """
    figure, panels = plt.subplots(
        len(mistakes),
        shown,
        figsize=(1.5 * shown + 0.6, 0.5 + 1.75 * len(mistakes)),
        squeeze=False,
    )
    for row, (name, found) in zip(panels, mistakes.items(), strict=True):
        for axes in row:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        row[0].set_ylabel(name, fontsize=7)
        if not found:
            row[0].text(0.5, 0.5, "none", ha="center", va="center")
        for axes, (crop, text) in zip(row, found, strict=False):
            axes.imshow(crop)
            axes.set_title(text, fontsize=6, fontweight="normal")
    figure.suptitle(_title("Surest mistakes", protocol, leak), fontsize=10)
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


def draw_feature_importance(
    importance: np.ndarray,
    columns: Sequence[str],
    side: int,
    experiment: str,
    protocol: str,
    leak: str,
) -> Figure:
    """What counts for a model of feature sets: a curve over the spectrum, and each set's share.

    Parameters
    ----------
    importance : (n,) float
        Adds up to 1.
    columns : n str
        As a feature set names them, `set.plane[...]`.
    side : int
        Of the crops, pixels.
    experiment, protocol, leak : str
        For the title; `leak` is `splits.Leak.word`.
    """
    kinds = np.array([column.partition("[")[0] for column in columns])
    spectra = [kind for kind in dict.fromkeys(kinds) if kind.startswith("spectrum.")]
    figure, panels = plt.subplots(
        1, 1 + bool(spectra), figsize=(4.6 + 4.4 * bool(spectra), 3.4), squeeze=False
    )
    bars = panels[0, -1]
    names = list(dict.fromkeys(kinds))
    shares = [importance[kinds == name].sum() for name in names]
    sets = list(dict.fromkeys(name.partition(".")[0] for name in names))
    colours = [CYCLE[sets.index(name.partition(".")[0]) % len(CYCLE)] for name in names]
    bars.barh([name.replace(".", " ") for name in names], shares, color=colours)
    bars.invert_yaxis()
    bars.xaxis.set_major_formatter(PercentFormatter(1))
    bars.set(title="share of each set and plane")
    if spectra:
        curve = panels[0, 0]
        for kind, colour in zip(spectra, ("#000000", *CYCLE), strict=False):
            values = importance[kinds == kind]
            curve.plot(
                frequencies(side), values / importance.mean(), lw=1, color=colour,
                label=kind.removeprefix("spectrum."),
            )  # fmt: skip
        curve.set(
            xlabel="frequency, cycles per pixel of the crop",
            ylabel="importance, times the average",
            title="spectrum",
            ylim=(0, None),
        )
        curve.legend(fontsize=8)
    figure.suptitle(_title(experiment, protocol, leak), fontsize=10)
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


def _styles(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """A colour and a marker for each name, the same for the same names in any order; the pair is
    the same for none of the first 49."""
    n = len(CYCLE)
    return {
        name: {"color": CYCLE[i % n], "marker": MARKERS[(i + i // n) % n]}
        for i, name in enumerate(sorted(set(names)))
    }


def _title(subject: str, protocol: str, leak: str) -> str:
    caution = f" ({SAID[leak]})" if leak != "no" else ""
    return f"{subject}, protocol {protocol}{caution}"

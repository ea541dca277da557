"""Show the videos per class, the capture rates, and the table of all videos."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from workflow_scripts.lib.common.pages import records, render
from workflow_scripts.lib.common.plotting import COLOUR, save_figure
from workflow_scripts.lib.common.tables import read_table


def main(
    quality: Path, rates: Path, confidence: float, counts: Path, captured: Path, page: Path
) -> None:
    """Write two pictures and a page from `quality.tsv` and `capture_rates.tsv`."""
    table = read_table(quality)
    save_figure(counts, draw_class_counts(table))
    save_figure(captured, draw_capture_rates(read_table(rates), confidence))
    losses_first = table.sort_values("status", key=lambda status: status == "ok", kind="stable")
    render("quality.html.j2", page, title="Quality of every video", rows=records(losses_first))


def draw_class_counts(quality: pd.DataFrame) -> Figure:
    """How many videos of each label and method gave face crops, and how many did not."""
    classes = quality["label"].str.cat(quality["method"].fillna(""), sep=" ").str.strip()
    counts = pd.crosstab(classes, quality["crops"] > 0).reindex(columns=[True, False], fill_value=0)
    used, lost = counts[True], counts[False]  # sorted: fake before real, so that real is above
    figure, axes = plt.subplots(figsize=(6, 1.2 + 0.45 * len(counts)))
    colours = [COLOUR[str(name).split()[0]] for name in counts.index]
    axes.barh(counts.index, used, color=colours)
    axes.barh(counts.index, lost, left=used, color="white", edgecolor=colours, hatch="//")
    for row, (n_used, n_lost) in enumerate(zip(used, lost, strict=True)):
        text = f"  {n_used}" + (f" used, {n_lost} lost" if n_lost else "")
        axes.text(n_used + n_lost, row, text, va="center")
    axes.set(xlabel="videos", title="Videos per class (hatched: no face crop)")
    axes.set_xlim(0, (used + lost).max() * 1.25)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def draw_capture_rates(rates: pd.DataFrame, confidence: float) -> Figure:
    """The fraction of requested frames that gave a face crop, per label."""
    figure, axes = plt.subplots(figsize=(6, 2.4))
    rates = rates[rates["frames_wanted"] > 0].iloc[::-1]
    axes.barh(rates["label"], rates["capture_rate"], color=rates["label"].map(COLOUR))
    for number, row in enumerate(rates.itertuples()):
        text = f"{row.crops} of {row.frames_wanted} ({row.capture_rate:.1%})"
        axes.text(0.02, number, text, va="center", color="white", fontweight="bold")
    axes.set(xlim=(0, 1), title=f"Capture rate at detector confidence {confidence:g}")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

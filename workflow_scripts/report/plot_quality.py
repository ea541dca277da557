"""Show how many videos there are of each class, what was captured, and the table of all videos."""

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
    lost_first = table.assign(lost=table["status"] == "ok").sort_values("lost", kind="stable")
    render("quality.html.j2", page, title="Quality of every video", rows=records(lost_first))


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


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Show the accuracy of each experiment against its cost."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, StrMethodFormatter

from workflow_scripts.lib.common.labels import LeakStatus
from workflow_scripts.lib.common.plotting import PALE, experiment_styles, save_figure
from workflow_scripts.lib.common.tables import own_rows, read_table


def main(leaderboard: Path, figure: Path) -> None:
    """Draw the rows of `leaderboard.tsv` for the run's own test part."""
    save_figure(figure, draw_cost(own_rows(read_table(leaderboard))))


def draw_cost(board: pd.DataFrame) -> Figure:
    """AUC per video against CPU time and memory, a row of panels per protocol of the leaderboard's
    rows `board`."""
    protocols = board["protocol"].unique()
    styles = experiment_styles(board["experiment"].tolist())
    figure, panels = plt.subplots(
        len(protocols), 2, figsize=(9.2, 0.6 + 3.1 * len(protocols)), sharey=True, squeeze=False
    )
    for (left, right), protocol in zip(panels, protocols, strict=True):
        rows = board[board["protocol"] == protocol]
        cpu_s = rows["train_cpu_s"] + rows["train_tuning_cpu_s"]
        for axes, costs in ((left, cpu_s), (right, rows["train_peak_memory_mb"])):
            for name, cost, auc in zip(
                rows["experiment"], costs, rows["video_roc_auc"], strict=True
            ):
                axes.plot(cost, auc, ls="none", label=name, **styles[name])
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
            axes.axhline(0.5, color=PALE, linestyle=":")
            axes.grid(alpha=0.25)
        leak = rows["leak"].iloc[0]
        left.set(ylabel="AUC per video", xlabel="CPU s, tuning and training together")
        left.set_title(f"{protocol} ({leak})" if leak != LeakStatus.NO else protocol, loc="left")
        right.set(xlabel="MB at the peak of training")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Show the CPU time and memory of each rule."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from workflow_scripts.lib.common.joblog import read_cost
from workflow_scripts.lib.common.plotting import COLOUR, CYCLE, save_figure


def main(figure: Path, **logs: list[Path]) -> None:
    """Draw the costs in the last lines of the jobs' logs, by rule."""
    costs = {rule: [read_cost(path) for path in paths] for rule, paths in logs.items()}
    save_figure(figure, draw_run_times(costs))


def draw_run_times(costs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """CPU seconds and peak memory by rule; `costs` are `cpu_s` and `peak_memory_mb` of each job."""
    names = list(costs)[::-1]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 0.9 + 0.36 * len(names)), sharey=True)
    for row, jobs in enumerate(costs[name] for name in names):
        seconds = sum(job["cpu_s"] for job in jobs)
        memory = max(job["peak_memory_mb"] for job in jobs)
        n_jobs = f"{len(jobs)} jobs" if len(jobs) > 1 else "1 job"
        left.barh(row, seconds, color=COLOUR["all"])
        left.text(seconds, row, f"  {seconds:.1f} s, {n_jobs}", va="center", fontsize=8)
        right.barh(row, memory, color=CYCLE[0])
        right.text(memory, row, f"  {memory:.0f}", va="center", fontsize=8)
    left.set_yticks(range(len(names)), names)
    left.set(title="CPU, all jobs together", xlabel="seconds")
    right.set(title="Peak memory of the largest job", xlabel="MB")
    for axes in (left, right):
        axes.set_xlim(0, axes.get_xlim()[1] * 1.35)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Show what each rule cost."""

from pathlib import Path

from workflow_scripts.lib.common.joblog import read_cost
from workflow_scripts.lib.common.plotting import draw_run_times, save_figure


def main(logs: dict[str, list[Path]], output: Path) -> None:
    """Draw CPU time and memory from the last lines of the jobs' logs, by rule."""
    costs = {rule: [read_cost(path) for path in paths] for rule, paths in logs.items()}
    save_figure(output, draw_run_times(costs))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            {rule: [Path(p) for p in snakemake.input[rule]] for rule in snakemake.params.rules},
            Path(snakemake.output[0]),
        )

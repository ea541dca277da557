"""Show what each experiment is worth against what it cost."""

from pathlib import Path

from workflow_scripts.lib.common.plotting import draw_cost, save_figure
from workflow_scripts.lib.common.tables import own_rows, read_table


def main(leaderboard: Path, output: Path) -> None:
    """Draw the rows of `leaderboard.tsv` that were tested on the run's own test part."""
    save_figure(output, draw_cost(own_rows(read_table(leaderboard))))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(Path(snakemake.input.leaderboard), Path(snakemake.output[0]))

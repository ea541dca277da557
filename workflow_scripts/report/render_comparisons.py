"""Show the paired comparisons as a page."""

from pathlib import Path

from workflow_scripts.lib.common.pages import records, render
from workflow_scripts.lib.common.tables import read_table


def main(comparisons: Path, interval: float, output: Path) -> None:
    """Write the page of `comparisons.tsv`."""
    render(
        "comparisons.html.j2",
        output,
        title="Paired comparisons",
        interval=f"{interval:.0%}",
        rows=records(read_table(comparisons)),
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            comparisons=Path(snakemake.input.comparisons),
            output=Path(snakemake.output[0]),
            **snakemake.params,
        )

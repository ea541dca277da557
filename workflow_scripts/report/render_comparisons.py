"""Write the paired comparisons as a page."""

from pathlib import Path

from workflow_scripts.lib.common.pages import records, render
from workflow_scripts.lib.common.tables import read_table


def main(comparisons: Path, confidence_level: float, page: Path) -> None:
    """Write the page of `comparisons.tsv`."""
    render(
        "comparisons.html.j2",
        page,
        title="Paired comparisons",
        interval=f"{confidence_level:.0%}",
        rows=records(read_table(comparisons)),
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

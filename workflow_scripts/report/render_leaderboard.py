"""Write the leaderboard as a page."""

from pathlib import Path

from workflow_scripts.lib.common.pages import records, render
from workflow_scripts.lib.common.tables import own_rows, read_table
from workflow_scripts.lib.evaluation.metrics import MIN_GROUPS

DEMO_CAUTION = (
    "These are the demo's made-up videos: their accuracy says nothing about real deepfakes."
)


def main(leaderboard: Path, confidence_level: float, demo: bool, page: Path) -> None:
    """Write the page of `leaderboard.tsv`; `demo` adds the caution about made-up videos."""
    board = read_table(leaderboard)
    render(
        "leaderboard.html.j2",
        page,
        title="Leaderboard",
        interval=f"{confidence_level:.0%}",
        min_groups=MIN_GROUPS,
        caution=DEMO_CAUTION if demo else "",
        cross_dataset=len(own_rows(board)) < len(board),
        rows=records(board),
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Show the leaderboard as a page."""

from pathlib import Path

import pandas as pd

from workflow_scripts.lib.tables import records, render

DEMO_CAUTION = (
    "These are the demo's made-up videos: their accuracy says nothing about real deepfakes."
)


def main(leaderboard: Path, interval: float, demo: bool, output: Path) -> None:
    """Write the page of `leaderboard.tsv`; `demo` adds the caution about made-up videos."""
    render(
        "leaderboard.html.j2",
        output,
        title="Leaderboard",
        interval=f"{interval:.0%}",
        caution=DEMO_CAUTION if demo else "",
        rows=records(pd.read_csv(leaderboard, sep="\t")),
    )


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            leaderboard=Path(snakemake.input.leaderboard),
            output=Path(snakemake.output[0]),
            **snakemake.params,
        )

"""Show published figures beside the run's own, and the honest ones beside both."""

from base64 import b64encode
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.pages import records, render
from workflow_scripts.lib.common.tables import own_rows, read_table


def main(
    published: Path, leaderboard: Path, curve: Path | None, test_fraction: float, page: Path
) -> None:
    """Write the page: the rows of `published` for this share of test data, and the picture of the
    learning curve, if there is one."""
    table, board = read_table(published), own_rows(read_table(leaderboard))
    table = table[np.isclose(table["test_fraction"], test_fraction)]
    render(
        "literature.html.j2",
        page,
        title="Published figures",
        share=f"{test_fraction:.0%}",
        curve=b64encode(curve.read_bytes()).decode() if curve else "",
        rows=[
            {
                **row,
                **{
                    protocol: _own(board, row["experiment"], protocol)
                    for protocol in ("frame", "identity")
                },
            }
            for row in records(table)
        ],
    )


def _own(board: pd.DataFrame, experiment: str, protocol: str) -> dict | None:
    found = board[(board["experiment"] == experiment) & (board["protocol"] == protocol)]
    return records(found)[0] if len(found) else None


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Write a page of published results beside the run's own."""

from base64 import b64encode
from pathlib import Path

import numpy as np

from workflow_scripts.lib.common.pages import records, render
from workflow_scripts.lib.common.tables import own_rows, read_table


def main(
    published: Path, leaderboard: Path, curve: Path | None, test_fraction: float, page: Path
) -> None:
    """Write the page: the rows of `published` for this fraction of test data, and the picture of
    the learning curve, if there is one."""
    table = read_table(published)
    table = table[np.isclose(table["test_fraction"], test_fraction)]
    own = {
        (row["experiment"], row["protocol"]): row
        for row in records(own_rows(read_table(leaderboard)))
    }
    render(
        "literature.html.j2",
        page,
        title="Published figures",
        share=f"{test_fraction:.0%}",
        curve=b64encode(curve.read_bytes()).decode() if curve else "",
        rows=[
            {**row, **{name: own.get((row["experiment"], name)) for name in ("frame", "identity")}}
            for row in records(table)
        ],
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Get one feature set of another run's store, without writing into that run's folder."""

import logging
from pathlib import Path

import numpy as np

from workflow_scripts.lib.features import FEATURE_SETS, recipe
from workflow_scripts.lib.store.zarr_store import (
    features_version,
    load_matrix,
    read_features,
    read_rows,
    write_features,
)

ROWS_AT_ONCE = 1000


def main(store: Path, name: str, output: Path) -> None:
    """Write the feature set `name` of the store into the folder `output`: a copy, where the other
    run has the set in this version."""
    kind, _, side = name.partition("-")
    version, there = FEATURE_SETS[kind].version, store.with_name("features")
    extract = recipe(kind, int(side) if side else None)
    copied = features_version(there, name) == version
    rows = len(read_rows(store).video)
    blocks = np.split(np.arange(rows), range(ROWS_AT_ONCE, rows, ROWS_AT_ONCE))
    parts = (
        read_features(there, name, block) if copied else load_matrix(store, block, extract)
        for block in blocks
    )
    write_features(output, name, parts, rows, version)
    logging.info("%s: %d rows, %s", name, rows, "copied" if copied else "computed")


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).with_suffix(".zarr"),
            name=snakemake.wildcards.features,
            output=Path(snakemake.output[0]).parent,
        )

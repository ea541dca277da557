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


def main(store: Path, features: str, marker: Path) -> None:
    """Write the set `features` of the store beside its `marker`: a copy, where the other run has
    the set in this version."""
    kind, _, side = features.partition("-")
    version, there = FEATURE_SETS[kind].version, store.with_name("features")
    extract = recipe(kind, int(side) if side else None)
    copied = features_version(there, features) == version
    rows = len(read_rows(store).video)
    blocks = np.split(np.arange(rows), range(ROWS_AT_ONCE, rows, ROWS_AT_ONCE))
    parts = (
        read_features(there, features, block) if copied else load_matrix(store, block, extract)
        for block in blocks
    )
    write_features(marker.parent, features, parts, rows, version)
    logging.info("%s: %d rows, %s", features, rows, "copied" if copied else "computed")


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Copy or compute a feature set of another run's store, without writing into that run's folder."""

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

BATCH_ROWS = 1000


def main(store: Path, features: str, marker: Path) -> None:
    """Write the set `features` of the store beside its `marker`; it is copied if the other run has
    it in the current version."""
    kind, _, side = features.partition("-")
    version, other_features = FEATURE_SETS[kind].version, store.with_name("features")
    extract = recipe(kind, int(side) if side else None)
    copied = features_version(other_features, features) == version
    n_rows = len(read_rows(store).video)
    parts = (
        read_features(other_features, features, rows)
        if copied
        else load_matrix(store, rows, extract)
        for rows in np.split(np.arange(n_rows), range(BATCH_ROWS, n_rows, BATCH_ROWS))
    )
    write_features(marker.parent, features, parts, n_rows, version)
    logging.info("%s: %d rows, %s", features, n_rows, "copied" if copied else "computed")


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

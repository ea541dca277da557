"""Join the parts of a feature set."""

import logging
from pathlib import Path

import numpy as np

from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.store.zarr_store import read_rows, write_features


def main(store: Path, parts: list[Path], features: str, marker: Path) -> None:
    """Write the set `features` beside its `marker`; `parts` (`.npy`) are in the store's order."""
    rows = len(read_rows(store).video)
    matrices = (np.load(part, allow_pickle=False) for part in parts)
    version = FEATURE_SETS[features.partition("-")[0]].version
    write_features(marker.parent, features, matrices, rows, version)
    logging.info("%s: %d rows", features, rows)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

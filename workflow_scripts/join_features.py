"""Put the parts of a feature set into the store."""

import logging
from pathlib import Path

import numpy as np

from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.store import read_rows, write_features


def main(store: Path, parts: list[Path], name: str) -> None:
    """Write `features/{name}` of the store; `parts` (`.npy`) are in the store's order."""
    matrix = np.concatenate([np.load(part, allow_pickle=False) for part in parts])
    rows = len(read_rows(store).video)
    if len(matrix) != rows:
        raise ValueError(f"{len(matrix)} rows of features came for a store of {rows}")
    write_features(store, name, matrix, FEATURE_SETS[name.partition("-")[0]].version)
    logging.info("%s: %d rows, %d features", name, *matrix.shape)


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).parent,
            parts=[Path(part) for part in snakemake.input.parts],
            name=snakemake.wildcards.features,
        )

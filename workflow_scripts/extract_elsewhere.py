"""Get one feature set of another run's store, without writing into that run's folder."""

import logging
from pathlib import Path

import numpy as np

from workflow_scripts.lib.features import FEATURE_SETS, recipe
from workflow_scripts.lib.store import (
    features_version,
    load_matrix,
    read_features,
    read_rows,
    write_features,
)


def main(store: Path, name: str, output: Path) -> None:
    """Write `features/{name}` of the store into the folder `output`: a copy, where the store has
    the set in this version."""
    kind, _, side = name.partition("-")
    version = FEATURE_SETS[kind].version
    if features_version(store, name) == version:
        matrix = read_features(store, name)
    else:
        rows = np.arange(len(read_rows(store).video))
        matrix = load_matrix(store, rows, recipe(kind, int(side) if side else None))
    write_features(output, name, matrix, version)
    logging.info("%s: %d rows, %d features", name, *matrix.shape)


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).parent,
            name=snakemake.wildcards.features,
            output=Path(snakemake.output[0]).parents[2],
        )

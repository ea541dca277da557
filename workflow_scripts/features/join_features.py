"""Put the parts of a feature set together."""

import logging
from pathlib import Path

import numpy as np

from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.store.zarr_store import read_rows, write_features


def main(store: Path, parts: list[Path], name: str, output: Path) -> None:
    """Write the feature set `name` of a store into the folder `output`; `parts` (`.npy`) are in the
    store's order."""
    rows = len(read_rows(store).video)
    matrices = (np.load(part, allow_pickle=False) for part in parts)
    write_features(output, name, matrices, rows, FEATURE_SETS[name.partition("-")[0]].version)
    logging.info("%s: %d rows", name, rows)


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).with_suffix(".zarr"),
            parts=[Path(part) for part in snakemake.input.parts],
            name=snakemake.wildcards.features,
            output=Path(snakemake.output[0]).parent,
        )

"""Compute a feature set for some of the store's videos."""

import logging
from pathlib import Path

import numpy as np

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.features import recipe
from workflow_scripts.lib.store.zarr_store import load_matrix, read_rows


def main(store: Path, features: str, part: int, videos_per_part: int, matrix: Path) -> None:
    """Write the set `features` of a part of the videos, in the store's order (`.npy`, float32).

    Of the videos with crops, part i contains `videos_per_part`, from number i * `videos_per_part`;
    the last parts may be empty.
    """
    videos = read_rows(store).video
    _, first = np.unique(videos, return_index=True)
    bounds = [*np.sort(first), len(videos)]
    last = len(bounds) - 1
    start, stop = (bounds[min(n * videos_per_part, last)] for n in (part, part + 1))
    name, _, side = features.partition("-")
    extract = recipe(name, int(side) if side else None)
    rows = np.arange(start, stop)
    # an empty part still has the set's columns
    content = load_matrix(store, rows if len(rows) else np.arange(1), extract)[: len(rows)]
    logging.info("%s: %d rows, %d features", features, *content.shape)
    with atomic_write(matrix) as temporary, temporary.open("wb") as out:
        # np.save would not notice a full disk at the end
        np.lib.format.write_array_header_1_0(out, np.lib.format.header_data_from_array_1_0(content))
        out.write(np.ascontiguousarray(content).data)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

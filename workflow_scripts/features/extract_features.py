"""Compute one feature set for some of the store's videos."""

import logging
from pathlib import Path

import numpy as np

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.features import recipe
from workflow_scripts.lib.store.zarr_store import load_matrix, read_rows


def main(store: Path, features: str, part: int, videos_per_part: int, matrix: Path) -> None:
    """Write the set `features` of the videos of a part, in the store's order, as a float32 matrix
    (`.npy`).

    Part i holds the videos i * `videos_per_part` and so on among those that have crops; the last
    parts are empty where many have none.
    """
    videos = read_rows(store).video
    _, first = np.unique(videos, return_index=True)
    bounds = [*np.sort(first), len(videos)]
    start, stop = (
        bounds[min(number * videos_per_part, len(bounds) - 1)] for number in (part, part + 1)
    )
    rows = np.arange(start, stop)
    name, _, side = features.partition("-")
    extract = recipe(name, int(side) if side else None)
    # rows of no video still have the set's columns
    content = (
        load_matrix(store, rows, extract)
        if len(rows)
        else load_matrix(store, np.arange(1), extract)[:0]
    )
    logging.info("%s: %d rows, %d features", features, *content.shape)
    with atomic_write(matrix) as aside, aside.open("wb") as out:
        # np.save itself would not notice a disk that is full at the end
        np.lib.format.write_array_header_1_0(out, np.lib.format.header_data_from_array_1_0(content))
        out.write(np.ascontiguousarray(content).data)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

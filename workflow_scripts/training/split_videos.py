"""Divide the store's rows into training and test under one protocol."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.store.zarr_store import read_rows
from workflow_scripts.lib.training.splits import TEST, TRAIN, assign_folds, divide, find_leak


def main(
    store: Path,
    manifest: Path,
    protocol: str,
    test_fraction: float,
    folds: int,
    seed: int,
    split: Path,
) -> None:
    """Write a table with one line per row of the store: what it shows, the part it belongs to, the
    `unit` that the protocol keeps together, and for training rows the `fold` of the validation."""
    videos = read_manifest(manifest)
    rows = read_rows(store)
    shown = [videos[name] for name in rows.video]
    strata = np.array([f"{video.label} {video.method}" for video in shown])
    units = {"video": rows.video, "frame": np.arange(len(rows.video))}.get(protocol, rows.group)
    if protocol == "official":
        parts = np.array([video.split for video in shown])
    else:
        parts = divide(units, strata, test_fraction, seed)
    train = parts == TRAIN
    fold = np.full(len(parts), -1)
    fold[train] = assign_folds(units[train], strata[train], folds, seed)

    table = pd.DataFrame(
        {
            "row": np.arange(len(parts)),
            "video": rows.video,
            "frame": rows.frame,
            "group": rows.group,
            "label": [Label(label).word for label in rows.label],
            "method": [video.method for video in shown],
            "compression": [video.compression for video in shown],
            "dataset": [video.dataset for video in shown],
            "split": parts,
            "unit": units,
            "fold": fold,
        }
    )
    table.to_csv(split, sep="\t", index=False)
    leak = find_leak(parts, rows.video, rows.group)
    logging.info("%s", table.groupby(["split", "label"]).size().to_string())
    logging.info(
        "Protocol %s: %d rows for training, %d for the test; on both sides: %d videos, %d groups.",
        protocol,
        (parts == TRAIN).sum(),
        (parts == TEST).sum(),
        leak.videos,
        leak.groups,
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

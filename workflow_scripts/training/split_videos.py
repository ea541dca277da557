"""Divide the store's rows into training and test data under one protocol."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.store.zarr_store import read_rows
from workflow_scripts.lib.training.splits import (
    TEST,
    TRAIN,
    assign_folds,
    find_leak,
    split_train_test,
)


def main(
    store: Path,
    manifest: Path,
    protocol: str,
    test_fraction: float,
    folds: int,
    seed: int,
    split: Path,
) -> None:
    """Write a table with one line per row of the store: its metadata, its `split`, the `unit` that
    the protocol keeps together, and the `fold` of training rows (-1 for others)."""
    by_name = read_manifest(manifest)
    rows = read_rows(store)
    videos = [by_name[name] for name in rows.video]
    strata = np.array([f"{video.label} {video.method}" for video in videos])
    units = {"video": rows.video, "frame": np.arange(len(videos))}.get(protocol, rows.group)
    if protocol == "official":
        splits = np.array([video.split for video in videos])
    else:
        splits = split_train_test(units, strata, test_fraction, seed)
    train = splits == TRAIN
    fold = np.full(len(splits), -1)
    fold[train] = assign_folds(units[train], strata[train], folds, seed)

    table = pd.DataFrame(
        {
            "row": np.arange(len(videos)),
            "video": rows.video,
            "frame": rows.frame,
            "group": rows.group,
            "label": [Label(label).word for label in rows.label],
            "method": [video.method for video in videos],
            "compression": [video.compression for video in videos],
            "dataset": [video.dataset for video in videos],
            "split": splits,
            "unit": units,
            "fold": fold,
        }
    )
    table.to_csv(split, sep="\t", index=False)
    leak = find_leak(splits, rows.video, rows.group)
    logging.info("%s", table.groupby(["split", "label"]).size().to_string())
    logging.info(
        "Protocol %s: %d rows for training, %d for testing; in both: %d videos, %d groups.",
        *(protocol, train.sum(), (splits == TEST).sum(), leak.videos, leak.groups),
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

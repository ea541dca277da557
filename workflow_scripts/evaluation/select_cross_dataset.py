"""Choose the videos of another run that show nobody whom the models of a protocol have seen."""

import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.evaluation.other_runs import (
    check_left,
    check_settings,
    crop_hashes,
    select_videos,
)
from workflow_scripts.lib.store.zarr_store import StoredVideos, read_rows
from workflow_scripts.lib.training.splits import TRAIN


def main(
    store: Path,
    manifest: Path,
    split: Path,
    other_store: Path,
    other_manifest: Path,
    protocol: str,
    table: Path,
    selection: Path,
) -> None:
    """Write a line per row of the other run's store that may test (`table`), and what was left out
    (`selection`, JSON). `other_store` and
    `other_manifest` are that run's."""
    other = other_store.parent
    own, there = StoredVideos(store), StoredVideos(other_store)
    check_settings(own.made_with, there.made_with, other)

    known, known_there = read_manifest(manifest), read_manifest(other_manifest)
    parts = read_table(split)
    trained = parts.loc[parts["split"] == TRAIN, "video"].unique()
    others = [known_there[name] for name in there.names]
    found = select_videos(
        [known[name] for name in trained],
        others,
        crop_hashes(own, trained),
        crop_hashes(there, there.names),
    )
    for why, names in (("people", found.people), ("copies", found.copies)):
        if names:
            logging.info("Left out (%s), %d videos: %s", why, len(names), ", ".join(names))
    check_left(found, others, protocol, other)

    rows = read_rows(other_store)
    kept = np.flatnonzero(np.isin(rows.video, list(found.group_of)))
    shown = [known_there[name] for name in rows.video[kept]]
    pd.DataFrame(
        {
            "row": kept,
            "video": rows.video[kept],
            "frame": rows.frame[kept],
            "group": [found.group_of[video.video_id] for video in shown],
            "label": [Label(label).word for label in rows.label[kept]],
            "method": [video.method for video in shown],
            "compression": [video.compression for video in shown],
            "dataset": [video.dataset for video in shown],
        }
    ).to_csv(table, sep="\t", index=False)
    write_json(
        selection,
        {
            "videos": len(others),
            "left_out": {"people": found.people, "copies": found.copies},
            "leak": asdict(found.leak),
        },
    )
    logging.info("%d of %d videos may test", len(found.group_of), len(others))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Select the videos of another run that show nobody from a protocol's training part."""

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
    check_crop_settings,
    check_labels,
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
    """Write a line per selected row of the other run's store (`table`), and the videos left out
    (`selection`, JSON)."""
    other_run = other_store.parent
    own, other = StoredVideos(store), StoredVideos(other_store)
    check_crop_settings(own.made_with, other.made_with, other_run)

    own_videos, other_videos = read_manifest(manifest), read_manifest(other_manifest)
    parts = read_table(split)
    trained = parts.loc[parts["split"] == TRAIN, "video"].unique()
    candidates = [other_videos[name] for name in other.names]
    selected = select_videos(
        [own_videos[name] for name in trained],
        candidates,
        crop_hashes(own, trained),
        crop_hashes(other, other.names),
    )
    left_out = {"people": selected.people, "copies": selected.copies}
    for reason, names in left_out.items():
        if names:
            logging.info("Left out (%s), %d videos: %s", reason, len(names), ", ".join(names))
    check_labels(selected, candidates, protocol, other_run)

    rows = read_rows(other_store)
    numbers = np.flatnonzero(np.isin(rows.video, list(selected.group_of)))
    videos = [other_videos[name] for name in rows.video[numbers]]
    pd.DataFrame(
        {
            "row": numbers,
            "video": rows.video[numbers],
            "frame": rows.frame[numbers],
            "group": [selected.group_of[video.video_id] for video in videos],
            "label": [Label(label).word for label in rows.label[numbers]],
            **{
                column: [getattr(video, column) for video in videos]
                for column in ("method", "compression", "dataset")
            },
        }
    ).to_csv(table, sep="\t", index=False)
    summary = {"videos": len(candidates), "left_out": left_out, "leak": asdict(selected.leak)}
    write_json(selection, summary)
    logging.info("%d of %d videos selected", len(selected.group_of), len(candidates))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

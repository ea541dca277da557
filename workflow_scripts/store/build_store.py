"""Write the crops of all videos to the run's Zarr store."""

import logging
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.common.locks import acquire_lock
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import pair_with_files, read_manifest
from workflow_scripts.lib.store.quality import check_rejected
from workflow_scripts.lib.store.zarr_store import load_video_crops, write_store


def main(
    manifest: Path,
    quality: Path,
    crops: list[Path],
    made_with: dict[str, Any],
    max_rejected_fraction: float,
    store: Path,
) -> None:
    """Write the store, unless too many videos have no crops.

    `crops` are the videos' `.npz` files in the manifest's order; `made_with` holds the config
    sections `sampling`, `detector` and `faces`.
    """
    acquire_lock(store.with_name(f".{store.name}.lock"), wait=True)  # the store has one writer
    table = read_table(quality)
    check_rejected(table, max_rejected_fraction, quality)
    videos = read_manifest(manifest).values()
    groups = assign_groups(videos)
    n_rows = int(table["crops"].sum())
    n_groups = len(set(groups.values()))
    logging.info("%d crops of %d videos in %d groups", n_rows, len(table), n_groups)
    loaded = (
        load_video_crops(path, video.video_id, groups[video.video_id], Label[video.label.upper()])
        for video, path in pair_with_files(videos, crops)
    )
    write_store(store, loaded, made_with, n_rows)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Join the stores of finished runs over different videos into one, for training."""

import logging
import shutil
from pathlib import Path

import pandas as pd

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.locks import acquire_lock
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video, read_manifest
from workflow_scripts.lib.store.quality import capture_rates, check_rejected
from workflow_scripts.lib.store.zarr_store import StoredVideos, write_store


def main(
    manifest: Path,
    stores: list[Path],
    max_rejected_fraction: float,
    quality: Path,
    rates: Path,
    manifest_copy: Path,
    store: Path,
) -> None:
    """Write the store of all of the manifest's videos, the tables `quality` and `rates`, and a copy
    of the manifest.

    `stores` are those of finished runs; each video of the manifest is in one of them. Groups are
    assigned over the whole manifest, because a person may be in several parts.
    """
    parts = [path.parent for path in stores]
    acquire_lock(store.with_name(f".{store.name}.lock"), wait=True)  # the store has one writer
    shutil.copyfile(manifest, manifest_copy)
    videos = list(read_manifest(manifest).values())
    table = join_tables(videos, parts)
    table.drop(columns="part").to_csv(quality, sep="\t", index=False)
    capture_rates(table).to_csv(rates, sep="\t", index=False)
    check_rejected(table, max_rejected_fraction, quality)

    stored = {str(part): StoredVideos(part / "store.zarr") for part in parts}
    first, *others = stored
    made_with = stored[first].made_with
    for other in others:
        for section, settings in made_with.items():
            if stored[other].made_with[section] != settings:
                raise UserError(
                    f"The parts {first} and {other} were made with different settings ({section}: "
                    f"{settings} and {stored[other].made_with[section]}). Run one of them again "
                    "with the settings of the other."
                )
    groups = assign_groups(videos)
    n_rows = int(table["crops"].sum())
    logging.info("Joining %d crops of %d parts", n_rows, len(parts))
    with_crops = table[table["crops"] > 0]
    crops = (
        stored[part].read(video, groups[video])
        for video, part in zip(with_crops["video_id"], with_crops["part"], strict=True)
    )
    write_store(store, crops, made_with, n_rows)


def join_tables(videos: list[Video], parts: list[Path]) -> pd.DataFrame:
    """The quality tables of the parts as one, in the order of `videos`, with a column `part`.

    Raises UserError if a video is in no part, in several, or has another label there, or if an
    older version made a part.
    """
    tables = [read_table(part / "quality.tsv").assign(part=str(part)) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        if "bits_per_pixel" not in table:
            raise UserError(
                f"An older version has made the part {part}: its quality.tsv has no column "
                "bits_per_pixel. Run that part again."
            )
    table = pd.concat(tables).set_index("video_id", drop=False)
    duplicates = table.index[table.index.duplicated()]
    if len(duplicates):
        holders = " and ".join(table.loc[duplicates[0], "part"])
        raise UserError(
            f"The video {duplicates[0]!r} is in {holders}. Take it out of the manifest of one."
        )
    labels = table["label"].to_dict()
    for video in videos:
        if video.video_id not in labels:
            raise UserError(
                f"The video {video.video_id!r} is in none of the parts "
                f"({', '.join(map(str, parts))}). Take it out of the manifest, or add the run that "
                "has it to join_runs in the config."
            )
        if labels[video.video_id] != video.label:
            raise UserError(
                f"The video {video.video_id!r} is {video.label} in the manifest, but "
                f"{labels[video.video_id]} in its part. Correct one of the two."
            )
    return table.loc[[video.video_id for video in videos]].reset_index(drop=True)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

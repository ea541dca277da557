"""Join the stores of finished runs over different videos into one, for training."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.locks import acquire_lock
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video, read_manifest
from workflow_scripts.lib.store.quality import capture_rates, check_rejected
from workflow_scripts.lib.store.zarr_store import StoredVideos, VideoCrops, write_store


def main(
    manifest: Path,
    stores: list[Path],
    max_rejected_fraction: float,
    quality: Path,
    rates: Path,
    kept: Path,
    store: Path,
) -> None:
    """Write the store of all of the manifest's videos, and the tables on what was captured; keep
    the manifest beside them.

    `stores` are those of finished runs; each video of the manifest is in one of them. Groups
    are found anew, over the whole manifest: a person may stand in several parts.
    """
    parts = [path.parent for path in stores]
    acquire_lock(store.with_name(f".{store.name}.lock"), wait=True)  # the store has one writer
    shutil.copyfile(manifest, kept)
    videos = list(read_manifest(manifest).values())
    table = join_tables(videos, parts)
    table.drop(columns="part").to_csv(quality, sep="\t", index=False)
    capture_rates(table).to_csv(rates, sep="\t", index=False)
    check_rejected(table, max_rejected_fraction, quality)

    opened = {str(part): StoredVideos(part / "store.zarr") for part in parts}
    first, *others = opened.items()
    for name, other in others:
        for section, settings in first[1].made_with.items():
            if other.made_with[section] != settings:
                raise UserError(
                    f"The parts {first[0]} and {name} were made with different settings "
                    f"({section}: {settings} and {other.made_with[section]}). Run one of them "
                    "again with the other's."
                )
    made_with = first[1].made_with
    logging.info("Joining %d crops of %d parts", table["crops"].sum(), len(parts))
    write_store(
        store,
        _read(videos, dict(zip(table["video_id"], table["part"], strict=True)), opened),
        made_with=made_with,
        n_rows=int(table["crops"].sum()),
        size=made_with["faces"]["size"],
        rows_per_chunk=made_with["sampling"]["frames"],
    )


def join_tables(videos: list[Video], parts: list[Path]) -> pd.DataFrame:
    """The parts' tables of quality as one, in the order of `videos`, with a column `part`.

    Raises
    ------
    UserError
        A video is in no part, in several, or has another label there; or an older version has made
        a part.
    """
    tables = [read_table(part / "quality.tsv").assign(part=str(part)) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        if "bits_per_pixel" not in table:
            raise UserError(
                f"An older version has made the part {part}: it does not say how many bits a video "
                "has for each pixel. Run that part again."
            )
    table = pd.concat(tables, ignore_index=True)
    twice = table[table.duplicated("video_id", keep=False)]
    if len(twice):
        name = twice["video_id"].iloc[0]
        places = " and ".join(twice.loc[twice["video_id"] == name, "part"])
        raise UserError(f"The video {name!r} is in {places}. Take it out of the manifest of one.")
    table = table.set_index("video_id", drop=False)
    label_in = dict(zip(table["video_id"], table["label"], strict=True))
    for video in videos:
        if video.video_id not in label_in:
            raise UserError(
                f"The video {video.video_id!r} is in none of the parts "
                f"({', '.join(map(str, parts))}). "
                "Take it out of the manifest, or add the run that has it to join_runs in the "
                "config."
            )
        if label_in[video.video_id] != video.label:
            raise UserError(
                f"The video {video.video_id!r} is {video.label} in the manifest and "
                f"{label_in[video.video_id]} in its part. Correct one of the two."
            )
    return table.loc[[video.video_id for video in videos]].reset_index(drop=True)


def _read(
    videos: list[Video], part_of: dict[str, str], parts: dict[str, StoredVideos]
) -> Iterator[VideoCrops]:
    groups = assign_groups(videos)
    for video in videos:
        stored = parts[part_of[video.video_id]]
        if video.video_id in stored.names:
            yield stored.read(video.video_id, groups[video.video_id])


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

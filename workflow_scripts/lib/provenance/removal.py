"""Find and delete all data of selected videos in a run.

Only data of single other videos may stay: their faces, the logs of detecting those, and their rows
of the store. All other files in the run's folder (tables, splits, models, figures, verdicts) depend
on all videos and are deleted, whatever they are, so that no later addition to the workflow is
missed. The next `snakemake` makes them again.
"""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.data.identities import assign_groups, full_names
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.faces.cache import find_entries_by_crops, find_entries_by_video
from workflow_scripts.lib.store.zarr_store import StoredVideos, marker_path, read_rows, write_store

LOGS_PER_VIDEO = [("logs", rule) for rule in ("sample_frames", "crop_faces", "download_video")]


def select_videos(
    videos: Iterable[Video], ids: Sequence[str], people: Sequence[str], results: Path
) -> list[str]:
    """Select videos by id or by a person in them, and their copies; returns sorted ids.

    An id may exist in the run only, if the manifest has lost it already. A person is an identity
    (`target` or `source`) or a `group` of the manifest, or a full name as in splits and store,
    DATASET:IDENTITY or group:GROUP.

    Raises
    ------
    UserError
        An id or a person is unknown, or a name is ambiguous.
    """
    rows = {video.video_id: video for video in videos}
    for name in ids:
        if name not in rows and not _contains(results, name):
            raise UserError(f"--video: there is no video {name!r} in the manifest or in {results}.")
    names = {_full_name(person, rows.values()) for person in people}
    selected = {*ids, *(key for key, video in rows.items() if names & full_names(video).keys())}
    copies = {rows[key].content for key in selected & rows.keys()} - {""}
    return sorted(selected | {key for key, video in rows.items() if video.content in copies})


def find_derived_files(results: Path, remaining: Iterable[str]) -> list[Path]:
    """The files of a run to delete if only the videos `remaining` stay, sorted; the store is not
    among them, because rows of it stay."""
    stems = set(remaining)
    derived = []
    for path in sorted(results.rglob("*")):
        parts = path.relative_to(results).parts
        per_video = parts[0] == "faces" or parts[:2] in LOGS_PER_VIDEO
        stays = parts[0] in ("store.zarr", "store.json", ".lock")
        if not path.is_dir() and not stays and not (per_video and path.stem in stems):
            derived.append(path)
    return derived


def rewrite_store(store: Path, remaining: Sequence[Video]) -> None:
    """Replace the store by one of the videos `remaining`, as `build_store` would write it; delete
    it if no row remains or it can't be read."""
    groups = assign_groups(remaining)
    try:
        stored = StoredVideos(store)
        videos = [video for video in remaining if video.video_id in stored.names]
        rows = int(np.isin(read_rows(store).video, [video.video_id for video in videos]).sum())
    except (UserError, OSError):
        rows = 0
    if not rows:
        shutil.rmtree(store)
        marker_path(store).unlink(missing_ok=True)
        return
    write_store(
        store,
        (stored.read(video.video_id, groups[video.video_id]) for video in videos),
        made_with=stored.made_with,
        n_rows=rows,
    )


def find_cache_entries(
    cache: Path, results: Path, ids: Iterable[str], rows: dict[str, Video]
) -> list[Path]:
    """The entries of the shared cache with faces of videos, and temporary files of killed writers,
    sorted: found by the video's bytes and, in case it is gone, by its crops in this run."""
    entries: set[Path] = set()
    for name in ids:
        video, crops = rows.get(name), results / f"faces/{name}.npz"
        if video and Path(video.path).is_file():
            entries.update(find_entries_by_video(cache, Path(video.path)))
        if crops.is_file():
            entries.update(find_entries_by_crops(cache, crops))
    return sorted(entries)


def find_runs_with(ids: Sequence[str], runs: Iterable[Path]) -> list[Path]:
    """The runs that contain any of the videos."""
    return [run for run in runs if any(_contains(run, name) for name in ids)]


def _full_name(person: str, videos: Iterable[Video]) -> str:
    """The only one of the videos' `full_names` that a person's name matches."""
    people = {full: name for video in videos for full, name in full_names(video).items()}
    matches = [person] if person in people else sorted(f for f in people if people[f] == person)
    if not matches:
        raise UserError(f"--person: there is no {person!r} in the manifest.")
    if len(matches) > 1:
        raise UserError(
            f"--person: {person!r} is ambiguous: {' or '.join(map(repr, matches))}. Give the full "
            "name."
        )
    return matches[0]


def _contains(results: Path, name: str) -> bool:
    """Whether a run has faces of a video, has rows of it in the store, or was tested on another run
    that has it."""
    # compared instead of globbed: the user's text may be a pattern
    if any(path.stem == name for path in (results / "faces").glob("*")):
        return True
    for selection in results.glob("cross_dataset/*/*.json"):  # written after its table
        excluded = json.loads(selection.read_text(encoding="utf-8"))["left_out"]
        tested = read_table(selection.with_suffix(".tsv"))["video"]
        if name in {*tested, *excluded["people"], *excluded["copies"]}:
            return True
    if not (results / "store.zarr/zarr.json").is_file():
        return False
    return bool((read_rows(results / "store.zarr").video == name).any())

"""What a run holds of chosen videos, and how it is deleted.

Of a run only what was made from other videos alone may stay: their faces, the logs of finding
those, and their rows of the store. Everything else in its folder follows from all videos together
(tables, splits, models, figures, verdicts) and goes, whatever it is, so that nothing that is added
to the workflow later is overlooked. The next `snakemake` makes it anew.
"""

from __future__ import annotations

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

__all__ = ["cache_entries", "chosen_videos", "derived_files", "holders", "rewrite_store"]

LOGS_PER_VIDEO = ("sample_frames", "crop_faces", "download_video")


def chosen_videos(
    videos: Iterable[Video], ids: Sequence[str], people: Sequence[str], results: Path
) -> list[str]:
    """The videos that are meant, sorted: by id, or with a person in them; copies of them too.

    An id may stand in the run only, when the manifest has lost it already. A person is an identity
    (`target` or `source`) or a `group`, as the manifest has it, or in full DATASET:IDENTITY or
    group:GROUP, as splits and store call them.

    Raises
    ------
    UserError
        An id or a person is unknown, or several people are called so.
    """
    rows = {video.video_id: video for video in videos}
    chosen = set()
    for name in ids:
        if name not in rows and not _is_in(results, name):
            raise UserError(
                f"--video: no video is called {name!r}, in the manifest or in {results}."
            )
        chosen.add(name)
    for person in people:
        name = _full_name(person, rows.values())
        chosen |= {video.video_id for video in rows.values() if name in full_names(video)}
    copies = {rows[name].content for name in chosen if name in rows} - {""}
    chosen |= {video.video_id for video in rows.values() if video.content in copies}
    return sorted(chosen)


def derived_files(results: Path, kept: Iterable[str]) -> list[Path]:
    """The files of a run that have to go when only the videos `kept` stay, sorted; the store, of
    which rows stay, is not among them."""
    stay = set(kept)
    found = []
    for path in sorted(results.rglob("*")):
        parts = path.relative_to(results).parts
        own = parts[0] == "faces" or (parts[:2] in {("logs", rule) for rule in LOGS_PER_VIDEO})
        stays = parts[0] in ("store.zarr", "store.json", ".lock")
        if not path.is_dir() and not stays and not (own and path.stem in stay):
            found.append(path)
    return found


def rewrite_store(store: Path, kept: Sequence[Video]) -> None:
    """Write the store anew with the rows of the videos `kept` alone, as `build_store` would; delete
    it where no row is left or it can't be read."""
    groups = assign_groups(kept)
    try:
        stored = StoredVideos(store)
        videos = [video for video in kept if video.video_id in stored.names]
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


def cache_entries(
    cache: Path, results: Path, ids: Iterable[str], rows: dict[str, Video]
) -> list[Path]:
    """The entries of the shared cache that hold faces of videos: found by the video's bytes, with
    what killed writers have left of one, or, where it is gone, by the crops that this run has of
    it."""
    found: set[Path] = set()
    for name in ids:
        video, crops = rows.get(name), results / f"faces/{name}.npz"
        if video and Path(video.path).is_file():
            found |= set(find_entries_by_video(cache, Path(video.path)))
        if crops.is_file():
            found |= set(find_entries_by_crops(cache, crops))
    return sorted(found)


def holders(runs: Iterable[Path], ids: Sequence[str]) -> list[Path]:
    """The runs that have videos of these names."""
    return [run for run in runs if any(_is_in(run, name) for name in ids)]


def _full_name(person: str, videos: Iterable[Video]) -> str:
    """Which of the `full_names` in some videos is meant."""
    people = {full: name for video in videos for full, name in full_names(video).items()}
    meant = [person] if person in people else sorted(f for f in people if people[f] == person)
    if not meant:
        raise UserError(f"--person: nobody is called {person!r} in the manifest.")
    if len(meant) > 1:
        raise UserError(
            f"--person: {person!r} is the name of {' and of '.join(map(repr, meant))}. Write which "
            "of them are meant."
        )
    return meant[0]


def _is_in(results: Path, name: str) -> bool:
    """Whether a run has faces of a video, or rows of the store, or was tested on another run that
    has it."""
    # the name is compared, not searched for: it is what somebody typed, and may be a pattern
    if any(path.stem == name for path in (results / "faces").glob("*")):
        return True
    for selection in results.glob("cross_dataset/*/*.json"):  # written after its table
        left_out = json.loads(selection.read_text(encoding="utf-8"))["left_out"]
        tested = read_table(selection.with_suffix(".tsv"))["video"]
        if name in {*tested, *left_out["people"], *left_out["copies"]}:
            return True
    if not (results / "store.zarr/zarr.json").is_file():
        return False
    return bool((read_rows(results / "store.zarr").video == name).any())

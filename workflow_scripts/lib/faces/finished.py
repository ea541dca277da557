"""The plan for videos that have faces already, which are not replaced without need.

Snakemake compares the parameters of jobs, so a video is planned by the stamp of its file.
Modification times alone would mislead if a clock is ahead or an older copy replaces the file. A
file that can't be read keeps the stamp recorded with its faces. The number of the attempt rises
only if a limit stopped the last one and has been raised since.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import ZIP_EPOCH, stamp
from workflow_scripts.lib.faces.status import VideoStatus

LIMITS = ("max_seconds", "max_memory_mb")  # keys of `sampling` that limit decoding
MADE_FROM = "made_from"  # key in faces/{video}.json
MAX_LISTED = 5  # videos in a message
INVALID = (FileNotFoundError, ValueError, KeyError, TypeError)  # missing, truncated or older file


@dataclass(frozen=True)
class MadeFrom:
    """The stamp of a video's file ("" if it could not be read), the number of the attempt, and the
    limits on decoding."""

    stamp: str
    attempt: int
    limits: Mapping[str, int]


def _recorded(status: Path) -> tuple[MadeFrom, VideoStatus | None]:
    """The last attempt as `faces/{video}.json` records it; a first one without a record."""
    try:
        content = json.loads(status.read_text(encoding="utf-8"))
        made = content[MADE_FROM]
        limits = {name: int(made["limits"][name]) for name in LIMITS}
        recorded = MadeFrom(str(made["stamp"]), int(made["attempt"]), limits)
        return recorded, VideoStatus(content["status"])
    except INVALID:
        return MadeFrom("", 1, {}), None


def planned_stamp(path: str, status: Path) -> str:
    """The stamp of a video's file, or the recorded one if the file can't be read."""
    return stamp(path) or _recorded(status)[0].stamp


def planned_attempt(status: Path, limits: Mapping[str, int]) -> int:
    """The recorded attempt, or the next one if a limit stopped it that has been raised since."""
    made, video_status = _recorded(status)
    retry = video_status is VideoStatus.TOO_COSTLY and any(
        limits[name] > made.limits[name] for name in LIMITS
    )
    return made.attempt + retry


def write_made_from(frames: Path, made: MadeFrom) -> None:
    """Add to a video's frames, or to a copy of its cache entry, what they were made from."""
    with zipfile.ZipFile(frames, "a") as archive:
        archive.writestr(zipfile.ZipInfo(MADE_FROM, ZIP_EPOCH), json.dumps(asdict(made)))


def read_made_from(frames: Path) -> dict[str, Any]:
    """Read what `write_made_from` added; empty if it did not."""
    with zipfile.ZipFile(frames) as archive:
        text = archive.read(MADE_FROM) if MADE_FROM in archive.namelist() else b"{}"
    made: dict[str, Any] = json.loads(text)
    return made


def check_missing(
    paths: Mapping[str, str], faces: Path, n_videos: int, max_fraction: float
) -> None:
    """Check that sampling the videos at `paths` (by id) replaces no `faces` (the run's folder) of
    videos that are missing, for example because a disk is not mounted.

    Raises
    ------
    UserError
        A missing video has faces, or more than `max_fraction` of the run's `n_videos` are missing.
    """
    unreadable = [video for video, path in paths.items() if not stamp(path)]
    finished = [video for video in unreadable if has_faces(faces / f"{video}.json")]
    if finished:
        more = len(finished) - MAX_LISTED
        names = ", ".join(finished[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
        raise UserError(
            f"{len(finished)} videos are needed again, since code, settings or their paths have "
            f"changed, but their files are not there: {names}. Their finished faces stay. Is the "
            "disk mounted? Mount it, undo the change, or take these videos out of the manifest."
        )
    missing = [paths[video] for video in unreadable if not Path(paths[video]).exists()]
    if len(missing) > max_fraction * n_videos:
        raise UserError(
            f"{len(missing)} of {n_videos} videos are not there, for example {missing[0]!r}. Is "
            "the disk mounted, and are the manifest's paths right? To go on without them, take "
            "them out of the manifest or raise quality.max_rejected_fraction."
        )


def has_faces(status: Path) -> bool:
    """Whether a `faces/{video}.json` of any version records crops."""
    try:
        return bool(json.loads(status.read_text(encoding="utf-8"))["crops"])
    except INVALID:
        return False

"""What a plan takes from faces that are finished, so that nothing replaces them without need.

A job's parameters are all that Snakemake compares. So a video is planned by its stamp, not by
being newer than its faces: a clock that is ahead, or an older copy in its place, would mislead
that. A file that is away keeps the stamp that its faces record, and its attempt counts up only
where a limit stopped it that is larger now.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import ZIP_EPOCH, stamp
from workflow_scripts.lib.faces.status import VideoStatus

__all__ = [
    "LIMITS",
    "MADE_FROM",
    "MadeFrom",
    "add_note",
    "check_away",
    "has_faces",
    "made_from",
    "planned_attempt",
    "planned_stamp",
    "read_note",
]

LIMITS = ("max_seconds", "max_memory_mb")  # of the config's `sampling`, on decoding a video
MADE_FROM = "made_from"  # its key in faces/{video}.json
NAMED = 5  # videos, in a message


@dataclass(frozen=True)
class MadeFrom:
    """What a video's faces were made from: the file's stamp ("" without one), how often it was
    tried, and what decoding it might take."""

    stamp: str
    attempt: int
    limits: Mapping[str, int]


def made_from(status: Path) -> tuple[MadeFrom, VideoStatus] | None:
    """What the faces with the file `status` (`faces/{video}.json`) were made from, and what became
    of the video; None where there are no faces."""
    try:
        content = json.loads(status.read_text(encoding="utf-8"))
        noted = content[MADE_FROM]
        limits = {name: int(noted["limits"][name]) for name in LIMITS}
        made = MadeFrom(str(noted["stamp"]), int(noted["attempt"]), limits)
        return made, VideoStatus(content["status"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # missing, half deleted or of an older version: the job finds out


def planned_stamp(path: str, status: Path) -> str:
    """The stamp that a video is planned with: the file's, or the recorded one of a file that is
    away."""
    now = stamp(path)
    if now or not (known := made_from(status)):
        return now
    return known[0].stamp


def planned_attempt(status: Path, limits: Mapping[str, int]) -> int:
    """The number of the attempt that a video is planned with: the recorded one, or one more where
    a limit stopped it that is larger now."""
    if not (known := made_from(status)):
        return 1
    made, became = known
    larger = any(limits[name] > made.limits[name] for name in LIMITS)
    return made.attempt + (became is VideoStatus.TOO_COSTLY and larger)


def add_note(frames: Path, made: MadeFrom) -> None:
    """Put a note of what they are made from into a video's frames, or into a copy of an entry of
    the cache."""
    with zipfile.ZipFile(frames, "a") as archive:
        archive.writestr(zipfile.ZipInfo(MADE_FROM, ZIP_EPOCH), json.dumps(asdict(made)))


def read_note(frames: Path) -> dict[str, Any]:
    """What `add_note` noted, as it goes into the video's status; nothing where no run has sampled
    the frames."""
    with zipfile.ZipFile(frames) as archive:
        noted = archive.read(MADE_FROM) if MADE_FROM in archive.namelist() else b"{}"
    note: dict[str, Any] = json.loads(noted)
    return note


def check_away(paths: Mapping[str, str], faces: Path, n_videos: int, allowed: float) -> None:
    """Stop a run that would sample videos that are not there: a disk that is not mounted must not
    turn what was computed before into videos that are missing.

    Parameters
    ----------
    paths : mapping
        The videos that are to be sampled, by id.
    faces : Path
        The folder with the run's finished faces.
    n_videos : int
        How many videos the run has.
    allowed : float
        Which share of them may be missing.

    Raises
    ------
    UserError
        One has finished faces, or there are more of those that have none than `allowed`.
    """
    away = [video for video, path in paths.items() if not stamp(path)]
    finished = [video for video in away if has_faces(faces / f"{video}.json")]
    if finished:
        raise UserError(
            f"{len(finished)} videos are needed again, since code, settings or their paths were "
            f"changed, and their files are not there: {_listed(finished)}. Their finished faces "
            "stay. Is the disk mounted? Mount it, undo the change, or take these videos out "
            "of the manifest."
        )
    missing = [video for video in away if not Path(paths[video]).exists()]
    if len(missing) > allowed * n_videos:
        raise UserError(
            f"{len(missing)} of {n_videos} videos are not there, {paths[missing[0]]!r} for "
            "example. Is the disk mounted, and are the manifest's paths right? To go on without "
            "them, take them out of the manifest or raise quality.max_rejected_fraction."
        )


def has_faces(status: Path) -> bool:
    """Whether a video has finished faces, whatever version has made them."""
    try:
        return bool(json.loads(status.read_text(encoding="utf-8"))["crops"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False  # missing or half deleted


def _listed(names: Iterable[str]) -> str:
    first, more = list(names)[:NAMED], len(list(names)) - NAMED
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")

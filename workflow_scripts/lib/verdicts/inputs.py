"""Find the videos that get a verdict, and name their output files.

File names may contain characters that are special to a shell, to Snakemake or to a browser, or
bytes that are not text. So each video gets a safe id, and its own name is only displayed.
"""

import hashlib
import json
import os
import re
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import stamp
from workflow_scripts.lib.data.datasets import SUFFIXES, list_video_files
from workflow_scripts.lib.data.manifest import Video, read_manifest

MAX_STEM = 40  # characters of the file's name in an id
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def check_given(source: str | Path | None) -> None:
    """Check that `videos_to_judge` is set.

    Raises
    ------
    UserError
        It is not.
    """
    if not source:
        raise UserError(
            "videos_to_judge is not set. Name a folder or a table of videos: "
            "`snakemake verdicts --config videos_to_judge=FOLDER`."
        )


def find_videos(source: Path) -> dict[str, Video]:
    """The videos of a folder (`list_video_files`) or of a manifest whose labels may be missing,
    by id.

    The id of a file does not depend on other files in the folder.

    Raises
    ------
    UserError
        The folder or table does not exist, contains no video, or is a video itself.
    """
    if not source.exists():
        raise UserError(
            f"videos_to_judge: {source} does not exist. Name a folder of videos or a table of them."
        )
    if source.is_file() and source.suffix.lower() in SUFFIXES:
        raise UserError(
            f"videos_to_judge: {source} is a video itself. Name a folder of videos or a table "
            "of them; one video is judged by `deepfake judge`."
        )
    if not source.is_dir():
        return read_manifest(source, labelled=False)
    paths = list_video_files(source)
    if not paths:
        raise UserError(
            f"videos_to_judge: no videos in {source}. Their names must end in "
            f"{', '.join(sorted(SUFFIXES))}."
        )
    videos = [Video(_make_id(path.relative_to(source)), str(path), "") for path in paths]
    return {video.video_id: video for video in videos}


def stamp_of_verdict(path: str, verdict: Path) -> str:
    """The stamp with which a verdict is planned: the file's or, if it is missing, the one recorded
    in the file `verdict`, which may not exist."""
    if current := stamp(path):
        return current
    try:
        return str(json.loads(verdict.read_text(encoding="utf-8"))["stamp"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""  # missing, truncated or of an older version: the job reports it


def printable_name(name: str) -> str:
    """A file's name as printable text: one line, without control or direction characters."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", os.fsencode(name).decode(errors="replace"))


def _make_id(path: Path) -> str:
    stem = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-")[:MAX_STEM]
    digest = hashlib.blake2b(os.fsencode(path), digest_size=6).hexdigest()
    return f"{stem or 'video'}-{digest}"

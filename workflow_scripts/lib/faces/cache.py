"""A cache of faces that runs and people share, so that each video is worked on once.

An entry holds what `crop_faces` makes of one video. It is named by hashes of all that this follows
from: first the video's bytes, so that all entries of a video are found; then the settings, the code
and the libraries' versions; never by the video's name or place. So another setting or an edited
module finds no entry, and the same video under another name does.

Snakemake's own cache between workflows can't do this: it hashes the video's path, which is a
parameter, samples the frames again even where the faces are there, and lets every user overwrite
every entry.

Entries are uncompressed zip archives, written aside and renamed, so any number of writers on any
number of machines may share a folder. Each file in them has a checksum; a damaged entry is not used
and is replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.files import ZIP_EPOCH, atomic_write

__all__ = [
    "add_entry",
    "entries_of_crops",
    "entries_of_video",
    "entry_key",
    "entry_path",
    "is_entry",
    "is_whole",
    "read_entry",
]

PACKAGES = (
    *("av", "joblib", "mtcnn", "numpy", "onnx", "onnxruntime", "opencv-python-headless", "pillow"),
)
MARK = b"faces"  # the archive's comment


def entry_key(video: Path, settings: Mapping[str, Any], code: str) -> str:
    """The name of a video's entry, 64 hexadecimal digits; the first 32 are the video's.

    Parameters
    ----------
    video : Path
        A file that can be read.
    settings : mapping
        The config's sections `sampling`, `detector` and `faces`.
    code : str
        A digest of the code that makes faces of videos.
    """
    known = {
        "settings": settings,
        "code": code,
        "versions": {name: version(name) for name in PACKAGES},
    }
    made_by = hashlib.blake2b(json.dumps(known, sort_keys=True).encode(), digest_size=16)
    return _video_digest(video) + made_by.hexdigest()


def entries_of_video(folder: Path, video: Path) -> list[Path]:
    """All entries of a video that can be read, whatever made them, and what killed writers have
    left of one."""
    digest = _video_digest(video)
    return sorted(entry_path(folder, digest).parent.glob(f"*{digest}*"))


def entries_of_crops(folder: Path, crops: Path) -> list[Path]:
    """All entries that hold the file `crops`, where the video itself is gone."""
    content = crops.read_bytes()
    wanted = (len(content), zlib.crc32(content))
    found = []
    for entry in sorted(folder.glob("*/*.zip")):
        with contextlib.suppress(zipfile.BadZipFile, KeyError), zipfile.ZipFile(entry) as archive:
            member = archive.getinfo("crops")
            if (member.file_size, member.CRC) == wanted:
                found.append(entry)
    return found


def _video_digest(video: Path) -> str:
    with video.open("rb") as stream:
        whole = hashlib.file_digest(stream, "blake2b").digest()
    return hashlib.blake2b(whole, digest_size=16).hexdigest()


def entry_path(folder: Path, key: str) -> Path:
    """Where an entry lies; folders of two digits keep each of them small."""
    return folder / key[:2] / f"{key}.zip"


def is_whole(entry: Path) -> bool:
    """Whether an entry exists and all of its checksums are right; a damaged one is logged."""
    try:
        with zipfile.ZipFile(entry) as archive:
            damaged = archive.testzip() if archive.comment == MARK else "its end is missing"
    except FileNotFoundError:
        return False
    except (zipfile.BadZipFile, OSError) as error:
        damaged = str(error)
    if damaged:
        logging.warning("The cache's entry %s is damaged (%s): it is made again.", entry, damaged)
    return not damaged


def add_entry(entry: Path, files: Mapping[str, bytes]) -> None:
    """Write an entry of `files`, contents by name."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(entry) as aside, zipfile.ZipFile(aside, "w") as archive:
        archive.comment = MARK
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), content)


def is_entry(path: Path) -> bool:
    """Whether a file is an entry of the cache."""
    with zipfile.ZipFile(path) as archive:
        return archive.comment == MARK


def read_entry(entry: Path) -> dict[str, bytes]:
    """The files of an entry, contents by name."""
    with zipfile.ZipFile(entry) as archive:
        return {name: archive.read(name) for name in archive.namelist()}

"""A cache of faces that runs and people share, so that each video is worked on once.

An entry holds what `crop_faces` makes of one video. It is named by a hash of all that this follows
from: the video's bytes, the settings, the code, and the libraries' versions; never by the video's
name or place. So another setting or an edited module finds no entry, and the same video under
another name does.

Snakemake's own cache between workflows can't do this: it hashes the video's path, which is a
parameter, samples the frames again even where the faces are there, and lets every user overwrite
every entry.

Entries are uncompressed zip archives, written aside and renamed, so any number of writers on any
number of machines may share a folder. Each file in them has a checksum; a damaged entry is not used
and is replaced.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workflow_scripts.lib.run import ZIP_EPOCH, written_aside

__all__ = ["add_entry", "entry_key", "entry_path", "is_entry", "is_whole", "read_entry"]

PACKAGES = ("mtcnn", "numpy", "onnx", "onnxruntime", "opencv-python-headless", "pillow")
MARK = b"faces"  # the archive's comment


def entry_key(video: Path, settings: Mapping[str, Any], code: Iterable[Path]) -> str:
    """The name of a video's entry, 40 hexadecimal digits.

    Parameters
    ----------
    video : Path
        A file that can be read.
    settings : mapping
        The config's sections `sampling`, `detector` and `faces`.
    code : iterable of Path
        The files whose code makes faces of videos.
    """
    known = {
        "settings": settings,
        "code": [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(code)],
        "versions": {name: version(name) for name in PACKAGES},
    }
    digest = hashlib.blake2b(json.dumps(known, sort_keys=True).encode(), digest_size=20)
    with video.open("rb") as stream:
        digest.update(hashlib.file_digest(stream, "blake2b").digest())
    return digest.hexdigest()


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
    with written_aside(entry) as aside, zipfile.ZipFile(aside, "w") as archive:
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

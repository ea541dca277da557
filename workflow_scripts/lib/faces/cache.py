"""A cache of face crops for several runs and users, so that each video is processed once.

An entry holds the results of `crop_faces` for one video. Its name consists of two hashes: of the
video's bytes, so that all entries of a video can be found, and of the settings, the code and the
library versions. The video's name and path don't matter.

Entries are uncompressed zip archives, written atomically, so any number of writers on any number of
machines can use one folder. Each file in an entry has a checksum; damaged entries are replaced.
`docs/cache.md` says why Snakemake's own cache does not fit.
"""

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

PACKAGES = (
    *("av", "joblib", "mtcnn", "numpy", "onnx", "onnxruntime", "opencv-python-headless", "pillow"),
)
ARCHIVE_COMMENT = b"faces"


def entry_key(video: Path, settings: Mapping[str, Any], code: str) -> str:
    """The key of a readable video's entry: 64 hexadecimal digits, the first 32 from its bytes.

    `settings` are the config sections `sampling`, `detector` and `faces`, `code` is a digest of the
    code that computes faces.
    """
    versions = {name: version(name) for name in PACKAGES}
    inputs = json.dumps({"settings": settings, "code": code, "versions": versions}, sort_keys=True)
    return _video_digest(video) + hashlib.blake2b(inputs.encode(), digest_size=16).hexdigest()


def find_entries_by_video(folder: Path, video: Path) -> list[Path]:
    """All entries of a readable video, and temporary files that killed writers left of them."""
    digest = _video_digest(video)
    return sorted(entry_path(folder, digest).parent.glob(f"*{digest}*"))


def find_entries_by_crops(folder: Path, crops: Path) -> list[Path]:
    """All entries that contain the file `crops`; for videos that no longer exist."""
    content = crops.read_bytes()
    size_and_checksum = len(content), zlib.crc32(content)
    entries = []
    for entry in sorted(folder.glob("*/*.zip")):
        with contextlib.suppress(zipfile.BadZipFile, KeyError), zipfile.ZipFile(entry) as archive:
            member = archive.getinfo("crops")
            if (member.file_size, member.CRC) == size_and_checksum:
                entries.append(entry)
    return entries


def _video_digest(video: Path) -> str:
    with video.open("rb") as stream:
        digest = hashlib.file_digest(stream, "blake2b").digest()
    return hashlib.blake2b(digest, digest_size=16).hexdigest()


def entry_path(folder: Path, key: str) -> Path:
    """The file of an entry, in a subfolder named by two digits to keep folders small."""
    return folder / key[:2] / f"{key}.zip"


def is_intact(entry: Path) -> bool:
    """Whether an entry exists with correct checksums; logs a warning if it is damaged."""
    try:
        with zipfile.ZipFile(entry) as archive:
            damage = archive.testzip() if archive.comment == ARCHIVE_COMMENT else "it is truncated"
    except FileNotFoundError:
        return False
    except (zipfile.BadZipFile, OSError) as error:
        damage = str(error)
    if damage:
        logging.warning("The cache entry %s is damaged (%s) and will be replaced.", entry, damage)
    return not damage


def write_entry(entry: Path, files: Mapping[str, bytes]) -> None:
    """Write an entry from the contents of its files by name."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(entry) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.comment = ARCHIVE_COMMENT
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), content)


def read_entry(path: Path) -> dict[str, bytes] | None:
    """The contents of an entry's files by name; None if the zip archive is not an entry."""
    with zipfile.ZipFile(path) as archive:
        is_entry = archive.comment == ARCHIVE_COMMENT
        return {name: archive.read(name) for name in archive.namelist()} if is_entry else None

"""Atomic writing, checksums, and the formats of files that several stages write."""

import contextlib
import hashlib
import io
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # for all members, so that equal content gives equal bytes


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` if the block succeeds.

    A killed writer leaves the temporary file, for `clear_leftovers`, and `path` as it was. Several
    processes and machines can write the same `path`.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def clear_leftovers(folder: Path, older_than_s: float = 0) -> None:
    """Delete the temporary files of killed writers below a folder, if not modified for
    `older_than_s` seconds; log those that can't be deleted."""
    for path in [path for path in folder.rglob(".*.partial") if not path.is_symlink()]:
        try:
            if time.time() - path.stat().st_mtime < older_than_s:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # deleted with its folder, or by another run
        except OSError as error:
            logging.warning("A temporary file of a killed job could not be deleted: %s", error)


def sha256(path: Path) -> str:
    """The SHA-256 checksum of a file, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stamp(path: str | Path) -> str:
    """Size (bytes) and modification time (ns) of a file, to detect changes; "" where there is no
    readable file."""
    try:
        status = Path(path).stat()
        readable = Path(path).is_file() and os.access(path, os.R_OK)
    except (OSError, ValueError):
        return ""
    return f"{status.st_size} {status.st_mtime_ns}" if readable else ""


def encode_jpeg(picture: Any) -> bytes:
    """Encode a PIL image as JPEG."""
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=88)
    return content.getvalue()


def write_jpeg(path: Path, picture: Any) -> None:
    """Write a PIL image as JPEG. PIL itself would not report a full disk."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(encode_jpeg(picture))


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON in its own order of keys. NaN raises ValueError."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")

"""Files, written so that no reader and no killed writer leaves half of one."""

from __future__ import annotations

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

__all__ = [
    "ZIP_EPOCH",
    "as_jpeg",
    "atomic_write",
    "clear_leftovers",
    "sha256",
    "stamp",
    "write_jpeg",
    "write_json",
]

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # archives tell no time of writing: equal content, equal bytes


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` if the block succeeds.

    A killed writer leaves the temporary file, for `clear_leftovers`, never a half-written `path`.
    Writers on several machines don't meet.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def clear_leftovers(folder: Path, older_than_s: float = 0) -> None:
    """Delete what killed writers have left below a folder, where nobody writes now or has written
    for `older_than_s` seconds; what can't be deleted is logged."""
    leftovers = [path for path in folder.rglob(".*.partial") if not path.is_symlink()]
    for path in leftovers:
        try:
            if time.time() - path.stat().st_mtime < older_than_s:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # its folder was one, or another run has cleared it
        except OSError as error:
            logging.warning("What a killed job has left could not be deleted: %s", error)


def sha256(path: Path) -> str:
    """The checksum of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stamp(path: str | Path) -> str:
    """Bytes and time of change (ns) of a file, which tell that it was changed; "" where there is
    none that can be read."""
    try:
        found = Path(path).stat()
        readable = Path(path).is_file() and os.access(path, os.R_OK)
    except (OSError, ValueError):
        return ""
    return f"{found.st_size} {found.st_mtime_ns}" if readable else ""


def as_jpeg(picture: Any) -> bytes:
    """A PIL picture as the bytes of a JPEG file."""
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=88)
    return content.getvalue()


def write_jpeg(path: Path, picture: Any) -> None:
    """Write a PIL picture. PIL itself would not notice a disk that is full half way."""
    with atomic_write(path) as aside:
        aside.write_bytes(as_jpeg(picture))


def write_json(path: Path, content: Any) -> None:
    """Write `content` as readable JSON, keys in their own order. NaN is refused: use None."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    with atomic_write(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")

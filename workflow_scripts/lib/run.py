"""What every script of a run shares: its log, its cost, and how its files are written."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import json
import logging
import os
import resource
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = [
    "ZIP_EPOCH",
    "UserError",
    "clear_leftovers",
    "cost_so_far",
    "hold",
    "read_cost",
    "script_log",
    "write_jpeg",
    "write_json",
    "written_aside",
]

COST = "cost: "
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # archives tell no time of writing: equal content, equal bytes
FULL = (errno.ENOSPC, errno.EDQUOT)
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


class UserError(Exception):
    """Something that the user can mend. Its text says what is wrong, where, and what to do."""


class _LogFile(logging.FileHandler):
    """A log that can't be written ends its job: without its last line the job would not count."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        raise


@contextlib.contextmanager
def script_log(path: str | Path) -> Iterator[None]:
    """Log a script's work to `path` (with time stamps) and to the screen.

    A `UserError` is shown as its one sentence, so is a disk that is full, any other exception with
    its traceback; all end the script with status 1. The log's last line is what the process cost,
    for `read_cost`.
    """
    to_screen = logging.StreamHandler(sys.stderr)
    to_screen.addFilter(lambda record: not record.getMessage().startswith(COST))
    to_screen.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[to_screen], force=True)
    logging.captureWarnings(True)
    try:
        to_file = _LogFile(path, mode="w", encoding="utf-8")
        to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger().addHandler(to_file)
        yield
        logging.info("%s%s", COST, json.dumps(cost_so_far()))
    except UserError as error:
        logging.error("%s", error)
        raise SystemExit(1) from error
    except Exception as error:
        if full := _full_disk(error):
            logging.getLogger().handlers = [to_screen]  # the log's disk is full too, as a rule
            logging.error(
                "The disk is full (%s). What this job was writing is deleted, what was finished "
                "stays. Make room, or ask for a larger quota, and start the same command again.",
                full,
            )
        else:
            logging.exception("This is a defect of the workflow, or of a library that it uses:")
        raise SystemExit(1) from error


def _full_disk(error: BaseException | None) -> str:
    """What the system says of a full disk or a used-up quota; nothing if that is not the reason.

    To close a file on a full disk may raise again, which hides the first exception in the second.
    """
    while error:
        if isinstance(error, OSError) and error.errno in FULL:
            return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
        error = error.__cause__ or error.__context__
    return ""


def cost_so_far() -> dict[str, float]:
    """CPU seconds of this process and its ended children, all threads, and peak resident memory of
    the largest of them in MB."""
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in (own, children))
    peak = max(_peak_memory(), children.ru_maxrss * MAXRSS_UNIT)
    return {"cpu_s": round(cpu_s, 2), "peak_memory_mb": round(peak / 1e6, 1)}


def _peak_memory() -> int:
    """Peak resident memory of this process, bytes.

    On Linux, `ru_maxrss` counts the parent's memory at the time of the fork too, which is all of
    Snakemake's; the kernel's high-water mark of this address space does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT


def read_cost(log: Path) -> dict[str, float]:
    """What the process that wrote `log` under `script_log` cost, as `cost_so_far` told it."""
    *_, last = log.read_text(encoding="utf-8").splitlines()
    _, found, cost = last.partition(COST)
    if not found:
        raise UserError(f"The log {log} does not end with what its job cost. Run that job again.")
    return json.loads(cost)


def hold(path: Path, wait: bool) -> None:
    """Hold the lock file `path` until this process ends, in whatever way it ends.

    A file system that has no locks (Lustre mounted without flock, some NFS) gets a warning.

    Raises
    ------
    UserError
        Another process holds it, and `wait` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)  # stays open on purpose
    except PermissionError as error:
        raise UserError(
            f"{path} belongs to somebody else, who works here or did. Work in a folder of your "
            "own, or have them let your group write there (umask 002)."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if not wait:
            raise UserError(
                f"Another snakemake works here already (it holds {path}). "
                "Wait until it has ended, or end it."
            ) from error
        logging.info("Waiting for another process that holds %s", path)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        logging.warning(
            "%s can't be locked on this file system (%s): nothing keeps a second snakemake from "
            "writing the same files. Start only one at a time.",
            path,
            error.strerror,
        )


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` that becomes `path` when the block ends well.

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


def write_jpeg(path: Path, picture: Any) -> None:
    """Write a PIL picture. PIL itself would not notice a disk that is full half way."""
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=88)
    with written_aside(path) as aside:
        aside.write_bytes(content.getvalue())


def write_json(path: Path, content: Any) -> None:
    """Write `content` as readable JSON, keys in their own order. NaN is refused: use None."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    with written_aside(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")

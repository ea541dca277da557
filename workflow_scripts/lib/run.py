"""What every script of a run shares: its log, its cost, and how its files are written."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import resource
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = [
    "ZIP_EPOCH",
    "UserError",
    "available_memory",
    "cost_so_far",
    "hold",
    "read_cost",
    "script_log",
    "write_json",
    "written_aside",
]

COST = "cost: "
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # archives tell no time of writing: equal content, equal bytes
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


class UserError(Exception):
    """Something that the user can mend. Its text says what is wrong, where, and what to do."""


@contextlib.contextmanager
def script_log(path: str | Path) -> Iterator[None]:
    """Log a script's work to `path` (with time stamps) and to the screen.

    A `UserError` is shown as its one sentence, any other exception with its traceback; both end
    the script with status 1. The log's last line is what the process cost, for `read_cost`.
    """
    to_file = logging.FileHandler(path, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_screen = logging.StreamHandler(sys.stderr)
    to_screen.addFilter(lambda record: not record.getMessage().startswith(COST))
    to_screen.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[to_file, to_screen], force=True)
    logging.captureWarnings(True)
    try:
        yield
        logging.info("%s%s", COST, json.dumps(cost_so_far()))
    except UserError as error:
        logging.error("%s", error)
        raise SystemExit(1) from error
    except Exception as error:
        logging.exception("This is a defect of the workflow, or of a library that it uses:")
        raise SystemExit(1) from error


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


def available_memory() -> float | None:
    """MB that this process may still take: what the machine has free, or SLURM has granted; None
    where the system does not tell."""
    told = Path("/proc/meminfo")
    if not told.exists():
        return None
    fields = dict(line.split(":", 1) for line in told.read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024 / 1e6
    return min(free, float(os.environ.get("SLURM_MEM_PER_NODE") or free))


def read_cost(log: Path) -> dict[str, float]:
    """What the process that wrote `log` under `script_log` cost, as `cost_so_far` told it."""
    *_, last = log.read_text(encoding="utf-8").splitlines()
    _, found, cost = last.partition(COST)
    if not found:
        raise UserError(f"The log {log} does not end with what its job cost. Run that job again.")
    return json.loads(cost)


def hold(path: Path, wait: bool) -> None:
    """Hold the lock file `path` until this process ends, in whatever way it ends.

    Raises
    ------
    UserError
        Another process holds it, and `wait` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)  # stays open on purpose
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


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` that becomes `path` when the block ends well.

    A killed writer leaves the temporary file, never a half-written `path`. Writers on several
    machines don't meet.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as readable JSON, keys in their own order. NaN is refused: use None."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    with written_aside(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")

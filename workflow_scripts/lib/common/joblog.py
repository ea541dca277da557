"""A job's log: what it did, and in its last line what it cost."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError

__all__ = ["cost_so_far", "job_log", "read_cost"]

COST = "cost: "
FULL = (errno.ENOSPC, errno.EDQUOT)
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


class _LogFile(logging.FileHandler):
    """Fails the job when its log cannot be written: later rules read its last line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        raise


@contextlib.contextmanager
def job_log(path: str | Path) -> Iterator[None]:
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
    """What the process that wrote `log` under `job_log` cost, as `cost_so_far` told it."""
    *_, last = log.read_text(encoding="utf-8").splitlines()
    _, found, cost = last.partition(COST)
    if not found:
        raise UserError(f"The log {log} does not end with what its job cost. Run that job again.")
    return json.loads(cost)

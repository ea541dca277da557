"""A job's log. Its last line holds the job's CPU time and memory."""

import contextlib
import errno
import json
import logging
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError

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

    All exceptions end the script with status 1. A `UserError` and a full disk are logged as one
    message, others with the traceback. The last line is the process's cost, for `read_cost`.
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
        if full_disk := _full_disk(error):
            logging.getLogger().handlers = [to_screen]  # usually the log is on the same disk
            logging.error(
                "The disk is full (%s). Unfinished files of this job were deleted, finished files "
                "are kept. Free some space or get a larger quota, then run the same command again.",
                full_disk,
            )
        else:
            logging.exception("This is a bug in the workflow or in a library that it uses:")
        raise SystemExit(1) from error


def _full_disk(error: BaseException | None) -> str:
    """The system's message if a full disk or an exhausted quota caused an exception, else "".

    Closing a file on a full disk may raise again, so the whole chain of exceptions is searched.
    """
    while error:
        if isinstance(error, OSError) and error.errno in FULL:
            return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
        error = error.__cause__ or error.__context__
    return ""


def cost_so_far() -> dict[str, float]:
    """CPU seconds of this process and its ended children, all threads, and the largest peak
    resident memory of any of them, MB."""
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in (own, children))
    peak = max(_peak_memory(), children.ru_maxrss * MAXRSS_UNIT)
    return {"cpu_s": round(cpu_s, 2), "peak_memory_mb": round(peak / 1e6, 1)}


def _peak_memory() -> int:
    """Peak resident memory of this process, bytes.

    On Linux, `ru_maxrss` includes the memory of the parent (Snakemake) at the fork; the kernel's
    high-water mark of this address space does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT


def read_cost(log: Path) -> dict[str, float]:
    """The cost (see `cost_so_far`) of the process that wrote `log` under `job_log`."""
    *_, last = log.read_text(encoding="utf-8").splitlines()
    _, separator, cost = last.partition(COST)
    if not separator:
        raise UserError(f"The log {log} does not end with its job's cost. Run that job again.")
    return json.loads(cost)

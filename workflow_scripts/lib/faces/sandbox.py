"""Work on untrusted data in a child process, so that it can take neither the job nor the machine.

The child is forked, which costs some 5 ms and no import; the kernel enforces its limits. What
native code does in it, crash included, ends as an exception in the parent.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

__all__ = ["CrashedError", "TooCostlyError", "memory_left", "run_limited"]

OUT_OF_MEMORY = 9  # exit status of a child
CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}


class TooCostlyError(Exception):
    """The work needed more CPU time or memory than it was given. Its text says which."""


class CrashedError(Exception):
    """Native code crashed. Its text names the signal."""


def run_limited(work: Callable[[], None], seconds: int, memory_mb: int) -> None:
    """Call `work` in a child process and wait for it; what it does shows in files only.

    Parameters
    ----------
    work : callable
        Takes and returns nothing. An exception that it raises is raised here, with a note of where.
    seconds : int
        CPU time that it may take, of all its threads together.
    memory_mb : int
        Address space that it may take in addition to this process's (on Linux), MB. What this
        process has freed and not given back is reused first, and not counted.

    Raises
    ------
    TooCostlyError
        It took more.
    CrashedError
        It ended by a signal that only a defect of its code raises.
    RuntimeError
        Somebody ended it: the kernel, short of memory on the whole machine, or a person. That is
        not the work's fault, and it may go well another time.
    """
    context = multiprocessing.get_context("fork")
    answer, question = context.Pipe(duplex=False)
    child = context.Process(target=_limited, args=(work, seconds, memory_mb, question), daemon=True)
    child.start()
    question.close()
    try:
        raise answer.recv()
    except EOFError:  # nothing was raised, or nothing could be sent
        pass
    finally:
        child.join()
        answer.close()
    status = child.exitcode or 0
    if status == OUT_OF_MEMORY:
        raise TooCostlyError(f"more than {memory_mb} MB of memory")
    if status == -signal.SIGXCPU:
        raise TooCostlyError(f"more than {seconds} s of CPU time")
    if -status in CRASHES:
        raise CrashedError(signal.Signals(-status).name)
    if status:
        raise RuntimeError(f"the child process ended with status {status}")


def memory_left() -> float:
    """Bytes that lay between the most address space this process has taken so far and its limit;
    infinite where there is none, or where the system does not tell."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    told = Path("/proc/self/status")
    if limit == resource.RLIM_INFINITY or not told.exists():
        return math.inf
    fields = dict(line.split(":", 1) for line in told.read_text().splitlines())
    return limit - int(fields["VmPeak"].split()[0]) * 1024


def _limited(work: Callable[[], None], seconds: int, memory_mb: int, question: Connection) -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, seconds)
    taken = _address_space()
    if taken is not None:
        _limit(resource.RLIMIT_AS, taken + memory_mb * 1_000_000)
    try:
        work()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # to send anything takes memory
    except BaseException as error:
        error.add_note(traceback.format_exc())
        question.send(error)


def _limit(kind: int, value: int) -> None:
    """Lower the soft limit; the hard one may be lower already, and stays."""
    _, hard = resource.getrlimit(kind)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))


def _address_space() -> int | None:
    """Bytes of address space that this process takes; None where the system does not tell."""
    told = Path("/proc/self/statm")
    if not told.exists():
        return None
    return int(told.read_text().split()[0]) * resource.getpagesize()

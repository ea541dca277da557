"""Run a function on untrusted data in a child process with limits on CPU time and memory.

The child is forked, which takes about 5 ms and imports nothing, and the kernel enforces the limits.
Exceeded limits and crashes of native code become exceptions in the parent.
"""

import math
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

OUT_OF_MEMORY = 9  # exit status of the child
CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}


class TooCostlyError(Exception):
    """A limit was exceeded; the message says which."""


class CrashedError(Exception):
    """Native code crashed; the message is the signal's name."""


def run_limited(work: Callable[[], None], seconds: int, memory_mb: int) -> None:
    """Call `work` in a child process; only the files that it writes remain.

    `seconds` limits the CPU time of all threads together, `memory_mb` (MB, Linux only) the address
    space in addition to this process's. Memory that this process has freed but not returned to the
    system is reused first and does not count.

    Raises
    ------
    TooCostlyError
        A limit was exceeded.
    CrashedError
        A signal that only faulty code raises ended the child.
    RuntimeError
        A person ended the child, or the kernel for lack of memory: a second attempt may succeed.
    Exception
        Whatever `work` raised, with its traceback as a note.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(work, seconds, memory_mb, sender), daemon=True)
    child.start()
    sender.close()
    try:
        raise receiver.recv()
    except EOFError:  # the child raised nothing, or could not send it
        pass
    finally:
        child.join()
        receiver.close()
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
    """Bytes between the peak address space of this process and its limit; infinite without a limit,
    or if the system does not report the peak."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or (peak := _address_space("VmPeak")) is None:
        return math.inf
    return limit - peak


def _run(work: Callable[[], None], seconds: int, memory_mb: int, sender: Connection) -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    _set_soft_limit(resource.RLIMIT_CORE, 0)
    _set_soft_limit(resource.RLIMIT_CPU, seconds)
    if (used := _address_space("VmSize")) is not None:
        _set_soft_limit(resource.RLIMIT_AS, used + memory_mb * 1_000_000)
    try:
        work()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # sending the exception would need memory
    except BaseException as error:
        error.add_note(traceback.format_exc())
        sender.send(error)


def _set_soft_limit(kind: int, value: int) -> None:
    """Set the soft limit, at most to the hard one, which stays."""
    _, hard = resource.getrlimit(kind)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))


def _address_space(field: str) -> int | None:
    """A field of Linux's /proc/self/status in bytes; None on other systems."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(fields[field].split()[0]) * 1024

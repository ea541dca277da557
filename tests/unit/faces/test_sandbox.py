"""Work in a child process: its limits, and how its failures are reported."""

import ctypes
import faulthandler
import os
import resource
import signal
import sys
import time

import pytest

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.joblog import cost_so_far
from workflow_scripts.lib.faces.sandbox import CrashedError, TooCostlyError, run_limited

SECONDS, MEMORY_MB = 30, 500


def burn():
    while True:
        pass


def test_files_written_in_the_child_remain(tmp_path):
    run_limited(lambda: (tmp_path / "a").write_text("done"), SECONDS, MEMORY_MB)
    assert (tmp_path / "a").read_text() == "done"


def test_too_much_time_is_reported():
    with pytest.raises(TooCostlyError, match="more than 1 s of CPU time"):
        run_limited(burn, 1, MEMORY_MB)


def test_time_is_the_childs_own():
    burned = time.process_time() + 1.1
    while time.process_time() < burned:
        pass
    run_limited(lambda: sum(range(1000)), 1, MEMORY_MB)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_too_much_memory_is_reported():
    with pytest.raises(TooCostlyError, match="more than 100 MB of memory"):
        run_limited(lambda: bytearray(200_000_000), SECONDS, 100)
    run_limited(lambda: bytearray(200_000_000), SECONDS, MEMORY_MB)


@pytest.mark.parametrize(
    ("crash", "name"), [(lambda: ctypes.string_at(1), "SIGSEGV"), (os.abort, "SIGABRT")]
)
def test_crashes_are_reported(crash, name):
    def work():
        faulthandler.disable()  # pytest's would print a long traceback
        crash()

    with pytest.raises(CrashedError, match=name):
        run_limited(work, SECONDS, MEMORY_MB)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_is_not_blamed_on_the_work(end):
    with pytest.raises(RuntimeError, match=f"status -{end.value}"):
        run_limited(lambda: os.kill(os.getpid(), end), SECONDS, MEMORY_MB)


def fail():
    raise UserError("The cup is empty.")


def test_exceptions_are_raised_in_the_parent_with_their_traceback():
    with pytest.raises(UserError, match="The cup is empty") as caught:
        run_limited(fail, SECONDS, MEMORY_MB)
    assert "in fail" in caught.value.__notes__[0]


def test_limits_end_with_the_child():
    before = [resource.getrlimit(kind) for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS)]
    run_limited(lambda: None, 1, 100)
    after = [resource.getrlimit(kind) for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS)]
    assert before == after


def test_its_cost_is_counted():
    before = cost_so_far()["cpu_s"]
    with pytest.raises(TooCostlyError):
        run_limited(burn, 1, MEMORY_MB)
    assert cost_so_far()["cpu_s"] > before + 0.5  # the system's clock for processes is coarse

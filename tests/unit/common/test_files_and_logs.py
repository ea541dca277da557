"""What all scripts share: their log, their cost, their locks, and whole files."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import atomic_write, clear_leftovers, write_json
from workflow_scripts.lib.common.joblog import read_cost
from workflow_scripts.lib.common.locks import acquire_lock

SCRIPT = """
import logging, sys
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.joblog import job_log
with job_log(sys.argv[1]):
    logging.info("at work")
    {body}
"""


def script(log, body):
    """Run a script that works under `job_log`."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(body=body), str(log)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_log_ends_with_the_cost_and_the_screen_does_not(tmp_path):
    ended = script(tmp_path / "log", "sum(i * i for i in range(3_000_000))")
    assert ended.returncode == 0
    assert ended.stderr == "at work\n"
    cost = read_cost(tmp_path / "log")
    assert 0.05 < cost["cpu_s"] < 60
    assert 5 < cost["peak_memory_mb"] < 500


def test_peak_memory_is_the_scripts_own(tmp_path):
    mine = np.ones(100_000_000, np.uint8)  # what a large parent holds when it starts the script
    script(tmp_path / "small", "pass")
    assert read_cost(tmp_path / "small")["peak_memory_mb"] < 60
    script(tmp_path / "large", "b = bytes(200_000_000); c = bytearray(b)")
    assert read_cost(tmp_path / "large")["peak_memory_mb"] > 200
    assert mine.all()


def test_a_users_mistake_is_one_sentence(tmp_path):
    ended = script(tmp_path / "log", "raise UserError('The cup is empty. Fill it.')")
    assert ended.returncode == 1
    assert ended.stderr == "at work\nThe cup is empty. Fill it.\n"
    with pytest.raises(UserError, match="does not end with its job's cost"):
        read_cost(tmp_path / "log")


def test_a_bug_shows_its_traceback(tmp_path):
    ended = script(tmp_path / "log", "1 / 0")
    assert ended.returncode == 1
    for text in (ended.stderr, (tmp_path / "log").read_text()):
        assert "ZeroDivisionError" in text
        assert "bug in the workflow" in text


def test_a_failed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_leaves_is_cleared(tmp_path):
    path = tmp_path / "run/faces/a.npz"
    path.parent.mkdir(parents=True)
    path.write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from workflow_scripts.lib.common.files import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as aside:\n"
        "    aside.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    folder = tmp_path / "run/.store.zarr.partial"
    (folder / ".inner.partial").mkdir(parents=True)
    (folder / "rows").write_text("half")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "run/.mine.partial").symlink_to(elsewhere)
    assert len(list(path.parent.iterdir())) == 2
    clear_leftovers(tmp_path / "run")
    assert list(path.parent.iterdir()) == [path]
    assert not folder.exists()
    assert path.read_text() == "old"
    assert elsewhere.exists()


def test_what_may_still_be_written_is_left(tmp_path):
    for name, age in ((".old.partial", 25 * 3600), (".new.partial", 60)):
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    clear_leftovers(tmp_path, older_than_s=24 * 3600)
    assert [path.name for path in tmp_path.iterdir()] == [".new.partial"]
    clear_leftovers(tmp_path / "nowhere")


def test_what_cannot_be_cleared_is_told_and_stops_nothing(tmp_path, monkeypatch, caplog):
    for name in (".a.partial", ".b.partial"):
        (tmp_path / name).mkdir()
    delete = shutil.rmtree

    def refuse(path):
        if path.name == ".a.partial":
            raise PermissionError(13, "Permission denied", str(path))
        delete(path)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    clear_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".a.partial"]
    assert ".a.partial" in caplog.text


def test_json_is_readable_and_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": "ü", "a": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": "ü", "a": [1, None]}
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", float("nan"))


def test_a_lock_ends_with_its_process(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from workflow_scripts.lib.common.locks import acquire_lock\n"
        "acquire_lock(Path(sys.argv[1]), wait=False); print('held', flush=True); sys.stdin.read()\n"
    )
    lock = tmp_path / "sub/.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(UserError, match="Another snakemake is already running here"):
        acquire_lock(lock, wait=False)
    with pytest.raises(UserError, match="Another snakemake is already running here"):
        acquire_lock(lock, wait=False, shared=True)
    holder.kill()
    holder.communicate()
    acquire_lock(lock, wait=False)


def test_readers_share_a_lock_and_keep_writers_out(tmp_path):
    lock = tmp_path / ".lock"
    lock.touch()
    acquire_lock(lock, wait=False, shared=True)
    acquire_lock(lock, wait=False, shared=True)
    with pytest.raises(UserError, match="Another snakemake is already running here"):
        acquire_lock(lock, wait=False)


def test_a_folder_that_is_not_there_or_not_ones_own_may_be_read(tmp_path, monkeypatch):
    for path in ("nowhere/.lock", ".lock"):
        acquire_lock(tmp_path / path, wait=False, shared=True)
    assert not list(tmp_path.iterdir())  # a reader leaves nothing there

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    acquire_lock(tmp_path / ".lock", wait=False, shared=True)
    with pytest.raises(UserError, match="belongs to another user"):
        acquire_lock(tmp_path / ".lock", wait=False)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
@pytest.mark.parametrize("wait", [True, False])
def test_a_file_system_without_locks_stops_nothing(tmp_path, monkeypatch, caplog, number, wait):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    acquire_lock(tmp_path / ".lock", wait)
    (record,) = caplog.records
    assert "Start only one at a time" in record.getMessage()


def test_another_error_of_a_lock_is_no_missing_lock(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Input/output"):
        acquire_lock(tmp_path / ".lock", wait=False)

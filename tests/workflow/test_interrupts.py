"""Ctrl-C and kill -9 in the middle, then the same command again: the bytes of a quiet run."""

import os
import signal
import subprocess
import time

import pytest

from tests.workflow.conftest import fingerprint, small_project


def interrupt(project, signal_number, after):
    """Start the run, end all of its processes with a signal once `after` files match, and wait."""
    pattern, count = after
    process = subprocess.Popen(
        project.command(),
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while len(list(project.root.glob(pattern))) < count:
        assert process.poll() is None, "the run ended before it could be interrupted"
        time.sleep(0.01)
    os.killpg(process.pid, signal_number)
    assert process.wait(timeout=60) != 0


@pytest.mark.parametrize(
    "signal_number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"]
)
def test_goes_on_where_it_was(finished, tmp_path, videos, signal_number):
    project = small_project(tmp_path / "project", videos)
    for after in (
        ("results/small/faces/*.json", 3),
        ("results/small/.store.zarr.partial", 1),
        ("results/small/models/*/*/model.json", 2),
    ):
        interrupt(project, signal_number, after)
    before = {path: path.stat().st_mtime_ns for path in project.results.glob("faces/*.npz")}
    project.snakemake()
    assert fingerprint(project.results) == fingerprint(finished.results)
    after = {path: path.stat().st_mtime_ns for path in project.results.glob("faces/*.npz")}
    assert before == after, "faces were computed twice"


def test_two_at_once_are_kept_apart(tmp_path, videos):
    project = small_project(tmp_path / "project", videos)
    first = subprocess.Popen(
        project.command(), cwd=project.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not list(project.root.glob("results/small/faces/*.json")):
        assert first.poll() is None
        time.sleep(0.05)
    second = project.snakemake(check=False)
    assert second.returncode != 0
    assert "Another snakemake works here" in second.stdout + second.stderr
    assert first.wait(timeout=300) == 0

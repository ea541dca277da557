"""Ctrl-C, kill -9 and a full disk, then the same command again: the bytes of a quiet run.

`python -m tests.faults` does more of the same.
"""

import os
import signal
import subprocess
import time

import numpy as np
import pytest

from tests.faults import fill_in_every_stage, kill_at_random, small_disk, start, why_no_disk
from tests.projects import fingerprint, small_project


def interrupt(project, signal_number, after):
    """Start the run, end all of its processes with a signal once `after` files match, and wait."""
    pattern, count = after
    process = start(project)
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
    if signal_number == signal.SIGKILL:
        kill_at_random(project, np.random.default_rng(1), most=3)
    else:
        project.snakemake()
    assert fingerprint(project.results) == fingerprint(finished.results)
    after = {path: path.stat().st_mtime_ns for path in project.results.glob("faces/*.npz")}
    assert before == after, "faces were computed twice"


def test_a_run_that_ends_well_clears_what_killed_ones_have_left(copy, finished):
    left = copy.results / "faces/.real5.npz.5f5e5bb3.partial"
    left.write_bytes(b"half")
    (copy.results / "store.zarr/features/.spectrum.partial").mkdir()
    copy.snakemake("verify")
    assert left.exists(), "verify changes nothing"
    (copy.results / "leaderboard.tsv").unlink()
    copy.snakemake()
    assert fingerprint(copy.results) == fingerprint(finished.results)
    assert not list(copy.results.rglob(".*.partial"))


def test_a_full_disk_is_told_and_costs_nothing(finished, tmp_path, videos):
    if reason := why_no_disk():
        pytest.skip(reason)
    with small_disk(tmp_path / "disk"):
        project = small_project(tmp_path / "disk/project", videos)
        said = fill_in_every_stage(project, rooms=(60,))
        assert fingerprint(project.results) == fingerprint(finished.results)
    for stage, messages in said.items():
        assert all("The disk is full" in words for words in messages), stage


def test_of_two_at_the_same_moment_one_works(finished, tmp_path, videos):
    project = small_project(tmp_path / "project", videos)
    both = [
        subprocess.Popen(
            project.command("--until", "crop_faces"),
            cwd=project.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = {process: process.communicate(timeout=300)[0] for process in both}
    first, second = sorted(both, key=lambda process: process.returncode)
    assert first.returncode == 0, said[first]
    assert second.returncode != 0
    assert "Another snakemake works here" in said[second]
    right = fingerprint(finished.results / "faces")
    assert fingerprint(project.results / "faces") == right

"""Ctrl-C, kill -9 and a full disk, then the same command again: the bytes of a quiet run.

One of each kind is tried in the smallest run; the slow tests and `python -m tests.faults` do more.
"""

import os
import signal
import subprocess
import time

import numpy as np
import pytest

from tests.faults import STAGES, fill_disk, kill_at_random, small_disk, start, why_no_disk
from tests.projects import few_of, fingerprint, small_project, tiny_project


def interrupt(project, signal_number, after):
    """Start the run, end all of its processes with a signal once `after` files match, and wait."""
    pattern, count = after
    process = start(project)
    while len(list(project.root.glob(pattern))) < count:
        assert process.poll() is None, "the run ended before it could be interrupted"
        time.sleep(0.01)
    os.killpg(process.pid, signal_number)
    assert process.wait(timeout=60) != 0


def test_what_was_finished_before_a_kill_is_not_made_again(tiny, tmp_path, videos):
    project = tiny_project(tmp_path / "project", few_of(videos))
    interrupt(project, signal.SIGKILL, ("results/small/faces/*.json", 3))
    before = {path: path.stat().st_mtime_ns for path in project.results.glob("faces/*.npz")}
    project.snakemake("results/small/store.json")
    found, right = fingerprint(project.results), fingerprint(tiny.results)
    assert found == {name: right[name] for name in found}
    after = {path: path.stat().st_mtime_ns for path in project.results.glob("faces/*.npz")}
    # of a job that was being made, what Snakemake had not heard of yet is made again
    assert len({path for path in before if before[path] == after[path]}) >= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "signal_number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"]
)
def test_goes_on_where_it_was(tiny, tmp_path, videos, signal_number):
    project = tiny_project(tmp_path / "project", few_of(videos))
    for after in (
        ("results/small/faces/*.json", 3),
        ("results/small/quality.tsv", 1),
        ("results/small/models/*/*/choice.json", 1),
    ):
        interrupt(project, signal_number, after)
    before = {path: path.stat().st_mtime_ns for path in project.results.glob("faces/*.npz")}
    project.snakemake()
    assert fingerprint(project.results) == fingerprint(tiny.results)
    after = {path: path.stat().st_mtime_ns for path in project.results.glob("faces/*.npz")}
    assert before == after, "faces were computed twice"


@pytest.mark.slow
def test_kills_at_any_moment_cost_nothing(tiny, tmp_path, videos):
    project = tiny_project(tmp_path / "project", few_of(videos))
    kill_at_random(project, np.random.default_rng(1), most=3)
    assert fingerprint(project.results) == fingerprint(tiny.results)


@pytest.mark.slow
def test_a_run_that_ends_well_clears_what_killed_ones_have_left(tiny_copy, tiny):
    left = tiny_copy.results / "faces/.real5.npz.5f5e5bb3.partial"
    left.write_bytes(b"half")
    (tiny_copy.results / "features/.spectrum.zarr.partial").mkdir()
    tiny_copy.snakemake("verify")
    assert left.exists(), "verify changes nothing"
    (tiny_copy.results / "leaderboard.tsv").unlink()
    tiny_copy.snakemake()
    assert fingerprint(tiny_copy.results) == fingerprint(tiny.results)
    assert not list(tiny_copy.results.rglob(".*.partial"))


def fill_and_compare(project, quiet, stages):
    """Fill the disk in these stages: what is told each time, and the bytes in the end."""
    said = fill_disk(project, stages, rooms=(60,))
    found, right = fingerprint(project.results), fingerprint(quiet.results)
    assert found == {name: right[name] for name in found}
    assert list(said) == list(stages)
    for stage, messages in said.items():
        assert all("The disk is full" in words for words in messages), stage


@pytest.fixture
def disk(tmp_path):
    if reason := why_no_disk():
        pytest.skip(reason)
    with small_disk(tmp_path / "disk"):
        yield tmp_path / "disk"


def test_a_full_disk_is_told_and_costs_nothing(tiny, disk, videos):
    fill_and_compare(tiny_project(disk / "project", few_of(videos)), tiny, ["store"])


@pytest.mark.slow
def test_a_disk_that_is_full_in_every_stage(finished, disk, videos):
    # of the tiny run some stages need less than is left
    fill_and_compare(small_project(disk / "project", videos), finished, STAGES)


@pytest.mark.slow
def test_two_runs_of_one_folder_work_side_by_side(tiny, tmp_path, videos):
    project = tiny_project(tmp_path / "project", few_of(videos))
    started = [
        subprocess.Popen(
            [*project.command("--until", "crop_faces"), "--config", f"run={run}"],
            cwd=project.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for run in ("small", "other")
    ]
    for process in started:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
    right = fingerprint(tiny.results / "faces")
    for run in ("small", "other"):
        assert fingerprint(project.root / f"results/{run}/faces") == right


@pytest.mark.slow
def test_of_two_at_the_same_moment_one_works(tiny, tmp_path, videos):
    project = tiny_project(tmp_path / "project", few_of(videos))
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
    assert "Another snakemake is already running here" in said[second]
    right = fingerprint(tiny.results / "faces")
    assert fingerprint(project.results / "faces") == right

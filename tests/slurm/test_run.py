"""A whole run on the cluster, as typed: the bytes of a local run, and what was asked for."""

import re

import pytest
import yaml

from tests.projects import ROOT, fingerprint, small_project
from tests.slurm.conftest import OPTIONS, finish, start, submissions

PER_GROUP = 4
# Follows from the matrix: 1000 MB, and for 12 videos x 7 crops 1.25 bytes a cell of 16x16x3 columns
# (forest) or 5 of 480 (spectrum), which is less than half a MB.
TRAINING_MEMORY = 1000


@pytest.fixture(scope="module")
def done(cluster, tmp_path_factory, videos):
    """A run of the small project, and what it printed."""
    project = small_project(tmp_path_factory.mktemp("slurm") / "project", videos)
    process = start(project, *OPTIONS, "--group-components", f"video={PER_GROUP}", seconds=900)
    return project, finish(project, process)


def test_the_bytes_are_those_of_a_local_run(done, finished):
    assert fingerprint(done[0].results) == fingerprint(finished.results)


def test_the_laptops_profile_stays_out_of_it(done):
    assert "Provided remote nodes: 100\n" in done[1]
    assert "Provided cores" not in done[1]


def test_nothing_is_left_to_do_nor_lying_about(done):
    project, _ = done
    assert "Nothing to be done" in finish(project, start(project, *OPTIONS))
    assert not list(project.results.glob("frames/*"))
    assert not list((project.root / "slurm_logs").rglob("*.log"))


def test_all_nodes_have_worked(done):
    assert len({job.node for job in submissions(done[0])}) >= 2


def test_one_submission_carries_many_videos(done, videos):
    groups = [job for job in submissions(done[0]) if "crop_faces" in job.comment]
    assert len(groups) == len(videos) / PER_GROUP


def asked_by_rules():
    """CPUs, MB and minutes of a first attempt, by rule, as the rules' text says them."""
    wanted = {}
    for path in (ROOT / "rules").glob("*.smk"):
        for rule, body in re.findall(
            r"^rule (\w+):\n(.*?)(?=^rule |\Z)", path.read_text(), re.MULTILINE | re.DOTALL
        ):
            threads = re.search(r"threads: (\d+)", body)
            memory = re.search(r"mem_mb=(\w+)(?:\((\d+)\))?,", body)
            minutes = re.search(r"runtime=growing\((\d+)\)", body)
            if minutes:  # a verdict's depend on the frames that are asked for
                wanted[rule] = (
                    int(threads[1]) if threads else 1,
                    int(memory[2]) if memory[1] == "growing" else TRAINING_MEMORY,
                    int(minutes[1]),
                )
    return wanted


def test_each_submission_asks_for_what_rule_and_profile_say(done):
    wanted = asked_by_rules()
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    members = ("sample_frames", "crop_faces")
    minutes = [
        int(profile["set-resources"][rule]["runtime"].removesuffix(" * attempt"))
        for rule in members
    ]
    # the most CPUs and memory of a member, and the sum of their times
    group = (
        max(wanted[rule][0] for rule in members),
        max(wanted[rule][1] for rule in members),
        PER_GROUP * sum(minutes),
    )
    jobs = submissions(done[0])
    assert len(jobs) > 20
    for job in jobs:
        rule = job.comment.removeprefix("rule_").partition("_wildcards_")[0]
        cpus, memory, time = group if rule.startswith("video_") else wanted[rule]
        assert job.asked == (cpus, memory, time), job
        assert job.state == "COMPLETED"

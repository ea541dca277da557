"""A whole run on the cluster, as typed: the bytes of a local run, and what was asked for."""

import re

import pytest
import yaml

from tests.slurm.conftest import OPTIONS, finish, start, submissions
from tests.workflow.conftest import ROOT, fingerprint, small_project

PER_GROUP = 4


@pytest.fixture(scope="module")
def done(cluster, tmp_path_factory, videos):
    """A run of the small project, and what it printed."""
    project = small_project(tmp_path_factory.mktemp("slurm") / "project", videos)
    process = start(project, *OPTIONS, "--group-components", f"video={PER_GROUP}", seconds=500)
    return project, finish(project, process)


def test_the_bytes_are_those_of_a_local_run(done, finished):
    assert fingerprint(done[0].results) == fingerprint(finished.results)


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


def planned_resources(project):
    """What each job's rule says: CPUs, MB and minutes by the comment that its submission gets."""
    dry_run = project.snakemake("-n", "--forceall", "--cores", 64).stdout
    wanted = {}
    for text in re.split(r"\n(?=rule )", dry_run)[1:]:
        rule = re.match(r"rule (\w+):", text)[1]
        wildcards = re.search(r"wildcards: (.*)", text)
        values = re.findall(r"\w+=([^,\s]+)", wildcards[1]) if wildcards else []
        comment = "_".join([f"rule_{rule}", *(["wildcards", *values] if values else [])])
        threads = re.search(r"threads: (\d+)", text)
        asked = [re.search(rf"\b{name}=(\d+)", text)[1] for name in ("mem_mb", "runtime")]
        wanted[comment] = (int(threads[1]) if threads else 1, *map(int, asked))
    return wanted


def test_each_submission_asks_for_what_rule_and_profile_say(done):
    project, _ = done
    wanted = planned_resources(project)
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    minutes = [
        int(profile["set-resources"][rule]["runtime"].removesuffix(" * attempt"))
        for rule in ("sample_frames", "crop_faces")
    ]
    member = [wanted[f"rule_{rule}_wildcards_real0"] for rule in ("sample_frames", "crop_faces")]
    group = (
        max(cpus for cpus, _, _ in member),
        max(memory for _, memory, _ in member),
        PER_GROUP * sum(minutes),
    )
    jobs = submissions(project)
    assert len(jobs) > 20
    for job in jobs:
        expected = group if job.comment.startswith("rule_video_") else wanted[job.comment]
        assert job.asked == expected, job
        assert job.state == "COMPLETED"

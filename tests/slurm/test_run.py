"""A whole run on the cluster, as typed: the bytes of a local run, and what was asked for."""

import re
import shutil
from dataclasses import dataclass

import pytest
import yaml

from tests.projects import ROOT, Project, few_of, fingerprint, tiny_project
from tests.slurm.conftest import OPTIONS, finish, start, submissions
from workflow_scripts.lib.data.manifest import read_manifest

PER_GROUP = 3
# Follows from the matrix: 1000 MB, and for 6 videos x 7 crops 5 bytes a cell of 480 columns, which
# is less than half a MB.
TRAINING_MEMORY = 1000


@dataclass(frozen=True)
class Done:
    """A run on the cluster, what it printed, and what was asked for."""

    project: Project
    output: str
    target: str


@pytest.fixture(
    scope="module",
    params=["store.json", pytest.param("leaderboard.tsv", marks=pytest.mark.slow)],
)
def run(request, cluster, tmp_path_factory, videos, tiny):
    """The tiny run, up to its store, with the detector there already, or up to its leaderboard."""
    project = tiny_project(tmp_path_factory.mktemp("slurm") / "project", few_of(videos))
    if request.param == "store.json":
        shutil.copytree(tiny.root / "resources", project.root / "resources")
    options = [*OPTIONS, "--group-components", f"video={PER_GROUP}"]
    target = f"results/small/{request.param}"
    return Done(project, finish(project, start(project, target, *options)), target)


def test_the_bytes_are_those_of_a_local_run(run, tiny):
    found, right = fingerprint(run.project.results), fingerprint(tiny.results)
    assert "store.json" in found
    assert found == {name: right[name] for name in found}


def test_the_laptops_profile_stays_out_of_it(run):
    assert "Provided remote nodes: 100\n" in run.output
    assert "Provided cores" not in run.output


def test_nothing_is_left_to_do_nor_lying_about(run):
    again = start(run.project, run.target, *OPTIONS)
    assert "Nothing to be done" in finish(run.project, again)
    assert not list(run.project.results.glob("frames/*"))
    assert not list((run.project.root / "slurm_logs").rglob("*.log"))


def test_all_nodes_have_worked(run):
    assert len({job.node for job in submissions(run.project)}) >= 2


def test_one_submission_carries_many_videos(run):
    groups = [job for job in submissions(run.project) if "crop_faces" in job.comment]
    videos = read_manifest(run.project.root / "small.tsv")
    assert len(groups) == len(videos) / PER_GROUP


def requested_by_rules():
    """CPUs, MB and minutes of a first attempt, by rule, as the rules' text has them."""
    requested = {}
    text = "".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    defaults = {
        name: int(re.search(rf'DEFAULT_RESOURCES = .*"{name}": growing\((\d+)\)', text)[1])
        for name in ("mem_mb", "runtime")
    }
    for rule, body in re.findall(
        r"^ *rule (\w+):\n(.*?)(?=^ *rule |\Z)", text, re.MULTILINE | re.DOTALL
    ):
        declared = dict(re.findall(r"(mem_mb|runtime)=(.+),", body))
        if "FRAME_PLAN" in declared.get("runtime", ""):
            continue  # a verdict's depend on the requested frames
        amounts = dict(defaults)
        for name, amount in declared.items():
            number = re.fullmatch(r"growing\((\d+)\)", amount)
            # other amounts depend on the model, and are those of training in such a small run
            amounts[name] = int(number[1]) if number else TRAINING_MEMORY
        threads = re.search(r"threads: (\d+)", body)
        cpus = int(threads[1]) if threads else 1
        requested[rule] = (cpus, amounts["mem_mb"], amounts["runtime"])
    return requested


def test_each_submission_asks_for_what_rule_and_profile_say(run):
    requested = requested_by_rules()
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    members = ("sample_frames", "crop_faces")
    minutes = [
        int(profile["set-resources"][rule]["runtime"].removesuffix(" * attempt"))
        for rule in members
    ]
    # the most CPUs and memory of a member, and the sum of their times
    group = (
        max(requested[rule][0] for rule in members),
        max(requested[rule][1] for rule in members),
        PER_GROUP * sum(minutes),
    )
    jobs = submissions(run.project)
    assert {job.state for job in jobs} == {"COMPLETED"}
    for job in jobs:
        rule = job.comment.removeprefix("rule_").partition("_wildcards_")[0]
        cpus, memory, time = group if rule.startswith("video_") else requested[rule]
        assert job.asked == (cpus, memory, time), job

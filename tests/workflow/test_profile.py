"""The profile's own promises, which need no SLURM to be checked."""

import itertools

import pytest

from tests.projects import copy_project
from workflow_scripts.lib.data.manifest import read_manifest


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A copy of the project, where nothing has run; its own config is the demo."""
    return copy_project(tmp_path_factory.mktemp("profile") / "project")


def groups(project, *arguments):
    """The number of group jobs that a dry run of the demo shows."""
    ended = project.snakemake("-n", *arguments, configfile="config/config.yaml")
    return ended.stdout.count("Group job video")


@pytest.mark.parametrize(
    "choice",
    [
        ["--profile", "slurm"],
        pytest.param(["--profile", "profiles/slurm"], marks=pytest.mark.slow),
        pytest.param(["--workflow-profile", "slurm"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_every_way_to_name_it_groups_twenty_videos(fresh, choice):
    videos = read_manifest(fresh.root / "config/demo.tsv")
    assert groups(fresh, *choice) == -(-len(videos) // 20)


def test_ones_own_values_win(fresh):
    assert groups(fresh, "--profile", "slurm", "--group-components", "video=1000") == 1


def test_videos_that_are_judged_are_grouped_by_twenty_too(fresh, tmp_path):
    for number in range(45):
        (tmp_path / f"{number}.mp4").touch()
    (tmp_path / "bundle.zip").touch()
    values = [f"videos_to_judge={tmp_path}", f"judge_with={tmp_path / 'bundle.zip'}"]
    arguments = ["-n", "verdicts", "--profile", "slurm", "--config", *values]
    ended = fresh.snakemake(*arguments, configfile="config/config.yaml")
    assert ended.stdout.count("Group job verdict") == 3


def test_a_laptop_groups_nothing(fresh):
    assert groups(fresh) == 0


def test_each_value_says_why(fresh):
    """A comment above each key, or above the block of keys that it explains together."""
    lines = (fresh.root / "slurm/config.yaml").read_text().splitlines()
    explained = {"group-components"}  # with `groups`
    for above, line in itertools.pairwise(lines):
        if line and not line[0].isspace() and line[0] != "#":
            key = line.partition(":")[0]
            assert above.startswith("# ") or key in explained, key

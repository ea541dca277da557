"""A data set that is worked on in parts: the joined store is that of one run."""

import shutil

import pandas as pd
import pytest

from tests.command_line import deepfake
from tests.projects import few_of, fingerprint, logged_jobs, tiny_project
from workflow_scripts.cli.split_manifest import divide_videos
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.manifest import read_manifest, write_manifest
from workflow_scripts.lib.provenance.record import read_record
from workflow_scripts.store.join_stores import join_tables

STORE = "results/small/store.json"


@pytest.fixture(scope="module")
def few(videos):
    return few_of(videos)


@pytest.fixture(scope="module")
def parts(tmp_path_factory, tiny, few):
    """Two finished runs over different videos."""
    folder = tmp_path_factory.mktemp("parts")
    made = []
    for number, rows in enumerate(divide_videos(few, 2)):
        part = tiny_project(folder / f"project{number}", rows)
        shutil.copytree(tiny.root / "resources", part.root / "resources")
        part.snakemake(STORE)
        made.append(part)
    return made


def joined(target, videos, parts):
    """A run that joins the parts."""
    project = tiny_project(target, videos)
    project.configure(join_runs=[str(part.results) for part in parts])
    return project


@pytest.mark.slow
def test_the_joined_run_is_the_whole_run(tiny, parts, few, tmp_path):
    project = joined(tmp_path / "project", few, parts)
    project.snakemake()
    cost = read_record(project.results / "run.json")["measured"]["cost"]
    assert {rule: told["jobs"] for rule, told in cost.items()} == logged_jobs(project.results)
    wanted, got = fingerprint(tiny.results), fingerprint(project.results)
    # the record tells of the parts
    names = ("faces/", "figures/contact_sheet", "run.json")
    left_out = {name for name in wanted if name.startswith(names)}
    del got["run.json"]
    assert got == {name: code for name, code in wanted.items() if name not in left_out}
    ended = project.snakemake()
    assert "Nothing to be done" in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows, parts: (rows, parts[:1]), "is in none of the parts"),
        (lambda rows, parts: (rows, [*parts, "copy"]), "Take it out of the manifest of one"),
        (lambda rows, parts: ([rows[1], *rows[2:], rows[0]], parts), ""),
    ],
    ids=["missing", "twice", "another order"],
)
def test_each_video_is_in_one_part(parts, few, tmp_path, change, message):
    rows, chosen = change(few, [str(part.results) for part in parts])
    if "copy" in chosen:
        shutil.copytree(parts[0].results, tmp_path / "copy")
        chosen[-1] = str(tmp_path / "copy")
    project = tiny_project(tmp_path / "project", rows)
    project.configure(join_runs=chosen)
    ended = project.snakemake(STORE, check=False)
    assert (ended.returncode != 0) == bool(message)
    assert message in ended.stdout + ended.stderr


@pytest.mark.slow
def test_parts_of_different_settings_are_not_mixed(parts, few, tmp_path):
    other = tiny_project(tmp_path / "other", divide_videos(few, 2)[1])
    shutil.copytree(parts[0].root / "resources", other.root / "resources")
    other.configure(faces={"size": 64, "scale": 1.0})
    other.snakemake(STORE)
    project = joined(tmp_path / "project", few, [parts[0], other])
    ended = project.snakemake(STORE, check=False)
    assert ended.returncode != 0
    assert "were made with different settings (faces:" in ended.stdout + ended.stderr


def test_a_part_of_an_older_version_is_told(parts, few, tmp_path):
    shutil.copytree(parts[1].results, tmp_path / "old")
    table = pd.read_csv(tmp_path / "old/quality.tsv", sep="\t").drop(columns="bits_per_pixel")
    table.to_csv(tmp_path / "old/quality.tsv", sep="\t", index=False)
    with pytest.raises(UserError, match=r"older version has made the part .*old.*Run that part"):
        join_tables(few, [parts[0].results, tmp_path / "old"])


def test_a_manifest_is_dealt_into_parts(videos, tmp_path):
    whole = tmp_path / "all.tsv"
    write_manifest(whole, videos)
    assert deepfake("split-manifest", whole, "--parts", 4) == 0
    dealt = [read_manifest(tmp_path / f"all-{number}.tsv") for number in range(1, 5)]
    assert all({video.label for video in part.values()} == {"real", "fake"} for part in dealt)
    assert {name: video for part in dealt for name, video in part.items()} == read_manifest(whole)
    assert sum(map(len, dealt)) == len(videos)
    assert deepfake("split-manifest", whole, "--parts", 7) == 1

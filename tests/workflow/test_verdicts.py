"""Verdicts on many videos: nothing that a run asks for, resumable, with a model from anywhere."""

import csv
import json
import os
import shutil
import subprocess
import time

import pytest

from tests.clips import background, write_clip
from tests.command_line import DEEPFAKE
from tests.projects import copy_tree
from workflow_scripts.lib.data.manifest import write_manifest

NAMES = ("<script>alert(1)<%2fscript>.mp4", "{video} $(touch x).mp4", "two\nlines.mp4")


@pytest.fixture(scope="module")
def judged(tmp_path_factory, finished, videos):
    """A copy of the finished run, and a folder with good and bad videos, judged by its model."""
    root = tmp_path_factory.mktemp("judged")
    folder = root / "videos to judge"
    folder.mkdir()
    for name, video in zip(NAMES, videos, strict=False):
        shutil.copy(video.path, folder / name)
    (folder / "text.mp4").write_text("text")
    copy_tree(finished.root, root / "project")
    project = type(finished)(root / "project")
    project.snakemake("verdicts", *asked(folder))
    return project, folder


def asked(folder, **more):
    """The arguments that name the videos."""
    values = {"videos_to_judge": str(folder), **more}
    return ["--config", *(f"{key}={value}" for key, value in values.items())]


def rows_of(project):
    with (project.results / "verdicts.tsv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_a_finished_run_asks_for_no_verdict(finished):
    assert not (finished.results / "verdicts").exists()
    assert not list(finished.results.rglob("bundle.zip"))


def test_each_video_has_a_row_and_a_page_whatever_its_name(judged):
    project, _ = judged
    rows = rows_of(project)
    assert sorted(row["status"] for row in rows) == ["ok", "ok", "ok", "unreadable"]
    assert "no video that can be decoded" in rows[-1]["reason"]
    page = (project.results / "verdicts.html").read_text()
    assert "<script>alert" not in page
    for row in rows:
        assert f'href="verdicts/{row["video"]}.html"' in page
        content = (project.results / f"verdicts/{row['video']}.html").read_text()
        assert "<script>alert" not in content
    assert not list(project.root.rglob("x"))  # nothing in a name was run


def test_the_runs_first_experiment_judges_where_no_bundle_is_named(judged):
    project, _ = judged
    assert (project.results / "models/identity/forest/bundle.zip").is_file()
    verdict = json.loads(next((project.results / "verdicts").glob("*.json")).read_text())
    assert verdict["model"]["experiment"] == "forest"


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do_and_a_further_video_costs_one_job(judged):
    project, folder = judged
    assert project.planned("verdicts", *asked(folder)) == {}
    before = {path: path.stat().st_mtime_ns for path in (project.results / "verdicts").iterdir()}
    write_clip(folder / "wall.mp4", [background()] * 200)
    try:
        assert project.planned("verdicts", *asked(folder)) == {"judge_video": 1, "verdicts": 1}
        project.snakemake("verdicts", *asked(folder))
        assert len(rows_of(project)) == len(NAMES) + 2
        assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    finally:
        (folder / "wall.mp4").unlink()
    project.snakemake("verdicts", *asked(folder))
    assert len(rows_of(project)) == len(NAMES) + 1


def test_a_changed_video_is_judged_again(judged):
    project, folder = judged
    (folder / "text.mp4").write_text("another text")
    assert project.planned("verdicts", *asked(folder)) == {"judge_video": 1, "verdicts": 1}
    project.snakemake("verdicts", *asked(folder))


@pytest.mark.slow
def test_labels_of_a_table_are_held_against_the_verdicts(judged, videos, tmp_path):
    project, _ = judged
    write_manifest(tmp_path / "known.tsv", videos[:4])
    bundle = "results/small/models/identity/forest/bundle.zip"
    table = tmp_path / "known.tsv"
    project.snakemake("verdicts", *asked(table, run="known", judge_with=bundle))
    with (project.root / "results/known/verdicts.tsv").open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert {row["label"] for row in rows} == {"real", "fake"}
    assert all(row["frames_examined"] for row in rows)
    # no data set is named, so no one is known to be unseen
    assert {row["people_in_training"] for row in rows} <= {"yes", "unknown"}
    page = (project.root / "results/known/verdicts.html").read_text()
    assert "so the model may have been trained on them" in page


@pytest.mark.slow
def test_a_bundle_of_another_run_needs_nothing_of_this_one(judged, tmp_path):
    project, folder = judged
    bundle = shutil.copy(project.results / "models/identity/forest/bundle.zip", tmp_path / "b.zip")
    tomorrow = time.time() + 24 * 3600
    os.utime(bundle, (tomorrow, tomorrow))
    fresh = type(project)(tmp_path / "project")
    shutil.copytree(
        project.root, fresh.root, symlinks=True, ignore=shutil.ignore_patterns("results", ".snake*")
    )
    manifest = (fresh.root / "small.tsv").read_text()
    (fresh.root / "small.tsv").write_text(manifest.replace("/real", "/gone/real"))
    planned = fresh.planned("verdicts", *asked(folder, judge_with=bundle))
    assert planned == {"judge_video": len(NAMES) + 1, "verdicts": 1}
    fresh.snakemake("verdicts", *asked(folder, judge_with=bundle))
    assert rows_of(fresh) == rows_of(project)
    assert fresh.planned("verdicts", *asked(folder, judge_with=bundle)) == {}
    for name in ("verdicts.tsv", "verdicts.html"):
        assert (fresh.results / name).read_bytes() == (project.results / name).read_bytes()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (["--config", "videos_to_judge=nowhere"], "videos_to_judge: nowhere does not exist"),
        (["--config", "videos_to_judge=docs"], "no videos in docs"),
    ],
)
def test_what_is_wrong_with_the_videos_is_told(judged, config, message):
    project, _ = judged
    ended = project.snakemake("-n", "verdicts", *config, check=False)
    assert ended.returncode == 1
    assert message in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_without_videos_it_is_told_how_to_name_them(judged):
    project, _ = judged
    before = (project.results / "verdicts.tsv").read_bytes()
    for target in ("verdicts", "results/small/verdicts.tsv"):
        ended = project.snakemake(target, check=False)
        assert ended.returncode == 1
        assert "videos_to_judge is not set" in ended.stdout + ended.stderr
    assert (project.results / "verdicts.tsv").read_bytes() == before
    assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "bundle", ["gone.zip", "docs", "results/small/models/identity/no_such/bundle.zip"]
)
def test_a_missing_bundle_is_told_before_anything_is_planned(judged, bundle):
    project, folder = judged
    ended = project.snakemake("-n", "verdicts", *asked(folder, judge_with=bundle), check=False)
    assert ended.returncode == 1
    assert f"judge_with: the model bundle {bundle} does not exist" in ended.stdout + ended.stderr
    assert "Exception" not in ended.stdout + ended.stderr.replace("WorkflowError", "")


def test_a_damaged_bundle_is_told_once_and_before_any_video_is_judged(judged, tmp_path):
    project, folder = judged
    whole = (project.results / "models/identity/forest/bundle.zip").read_bytes()
    (tmp_path / "b.zip").write_bytes(whole[: len(whole) // 2])
    arguments = asked(folder, run="other", judge_with=tmp_path / "b.zip")
    ended = project.snakemake("verdicts", *arguments, check=False)
    assert ended.returncode == 1
    assert (ended.stdout + ended.stderr).count("b.zip cannot be read") == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    assert not list((project.root / "results/other").rglob("judge_video/*.log"))


def test_too_few_frames_are_told_once_and_before_any_video_is_judged(judged):
    project, folder = judged
    ended = project.snakemake("verdicts", *asked(folder, run="few", judge_frames=1), check=False)
    assert ended.returncode == 1
    assert (ended.stdout + ended.stderr).count("1 frames are too few") == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    assert not (project.root / "results/few").exists()


def test_a_bundle_of_the_run_may_be_named_by_any_path(judged):
    project, folder = judged
    own = project.results / "models/identity/forest/bundle.zip"
    for path in (own, f"./{own.relative_to(project.root)}"):
        assert project.planned("verdicts", *asked(folder, judge_with=path)) == {}


@pytest.mark.slow
def test_one_video_is_judged_with_a_bundle_of_snakemake(judged):
    project, folder = judged
    bundle = "results/small/models/identity/spectrum/bundle.zip"
    project.snakemake(bundle)
    command = [*DEEPFAKE, "judge", str(folder / NAMES[0])]
    command += ["--model", bundle, "--output", "one"]
    ended = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split(",")[0].split("\n")[0] in ("FAKE", "REAL", "UNDETERMINED")
    assert {path.name for path in (project.root / "one").iterdir()} == {
        "verdict.html",
        "verdict.json",
    }

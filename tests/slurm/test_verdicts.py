"""Verdicts on the cluster: many videos to a submission, whatever the videos and their names."""

import csv
import shutil

import pytest

from tests.bundles import write_small_bundle
from tests.slurm.conftest import OPTIONS, finish, start, submissions

NAMES = ("{video} $(touch x).mp4", "two\nlines.mp4", '"quoted" é.mp4', "plain.mp4")

pytestmark = pytest.mark.slow


def test_videos_are_judged_in_groups_and_a_bad_one_harms_none(project, videos, tmp_path):
    folder = tmp_path / "videos to judge"
    folder.mkdir()
    for name, video in zip(NAMES, videos, strict=False):
        shutil.copy(video.path, folder / name)
    (folder / "text.mp4").write_text("text")
    (tmp_path / "trained").mkdir()
    bundle = write_small_bundle(tmp_path / "trained")
    config = ["--config", f"videos_to_judge={folder}", f"judge_with={bundle}"]
    asked = ["verdicts", *OPTIONS, "--group-components", "verdict=3", *config]
    finish(project, start(project, *asked))
    groups = [job for job in submissions(project) if "judge_video" in job.comment]
    assert sorted(job.asked for job in groups) == [(1, 1500, 6), (1, 1500, 9)]
    with (project.results / "verdicts.tsv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert [row["status"] for row in rows] == ["ok"] * len(NAMES) + ["unreadable"]
    assert not list(project.root.rglob("x"))  # nothing in a name was run
    assert "Nothing to be done" in finish(project, start(project, *asked))

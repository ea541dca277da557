"""Models that are tested on another run's videos: other people, and a run that stays untouched."""

import json
from dataclasses import replace

import pytest

from tests.projects import fingerprint, logged_jobs, small_project
from workflow_scripts.lib.common.tables import OWN, read_table
from workflow_scripts.lib.data.manifest import write_manifest
from workflow_scripts.lib.provenance.record import read_record


@pytest.fixture(scope="module")
def rows(finished, videos):
    """Videos for another run: of people of the test part, of one of the training, a copy of a
    training video under a stranger's name, and another video of that stranger."""
    split = read_table(finished.results / "splits/identity.tsv")
    part_of = dict(zip(split["video"], split["split"], strict=True))
    trained = [video for video in videos if part_of[video.video_id] == "train"]
    unseen = [video for video in videos if part_of[video.video_id] == "test"]
    assert {video.label for video in unseen} == {"real", "fake"}
    known = replace(unseen[0], video_id="known", target=trained[0].target)
    copy = replace(trained[0], video_id="copy", target="stranger")
    again = replace(unseen[0], video_id="again", target="stranger")
    return [*unseen, known, copy, again]


@pytest.fixture(scope="module")
def other(tmp_path_factory, finished, rows):
    """The folder of another finished run."""
    project = small_project(tmp_path_factory.mktemp("other") / "project", rows)
    (project.root / "resources").symlink_to(finished.root / "resources")
    project.configure(run="other")
    project.snakemake("results/other/store.json")
    return project.root / "results/other"


def test_only_people_of_no_training_video_are_scored(copy, other, rows):
    before = fingerprint(other)
    copy.configure(test_on_runs=[str(other)])
    copy.snakemake("results/small/leaderboard.tsv")
    assert fingerprint(other) == before
    assert not (other / "features").exists()

    unseen = [row.video_id for row in rows if row.video_id not in ("known", "copy", "again")]
    board = read_table(copy.results / "leaderboard.tsv")
    assert board["tested_on"].tolist() == [OWN, OWN, "other", "other", OWN, OWN]
    assert board["protocol"].tolist() == ["identity"] * 4 + ["frame"] * 2
    for experiment in ("forest", "spectrum"):
        tested = copy.results / f"cross_dataset/other/identity/{experiment}"
        result = json.loads(tested.with_suffix(".json").read_text())
        assert result["left_out"] == {"people": ["known", "again"], "copies": ["copy"]}
        assert result["leak"]["word"] == "no"
        card = json.loads((copy.results / f"models/identity/{experiment}/model.json").read_text())
        assert result["threshold"] == card["threshold"]
        there = read_table(tested.with_suffix(".videos.tsv"))
        assert there["video"].tolist() == unseen
        # the same clips are the test part of this run: the same crops, features and scores
        own = read_table(copy.results / f"evaluation/identity/{experiment}.videos.tsv")
        assert there["video"].tolist() == own["video"].tolist()
        for column in ("score", "probability", "predicted"):
            assert there[column].tolist() == own[column].tolist()
    log = (copy.results / "logs/select_cross_dataset/other/identity.log").read_text()
    assert "Left out (people), 2 videos: known, again" in log


@pytest.mark.slow
def test_the_record_counts_what_other_runs_cost(copy, other):
    copy.configure(test_on_runs=[str(other)])
    copy.snakemake("results/small/run.json")
    cost = read_record(copy.results / "run.json")["measured"]["cost"]
    assert {rule: told["jobs"] for rule, told in cost.items()} == logged_jobs(copy.results)
    planned = copy.snakemake("results/small/run.json")
    assert "Nothing to be done" in planned.stdout + planned.stderr


def test_a_run_of_known_people_only_is_an_error(copy, other, rows):

    target = {row.target for row in rows if row.video_id == "known"}.pop()

    write_manifest(other / "manifest.tsv", [replace(row, target=target) for row in rows])
    copy.configure(test_on_runs=[str(other)])
    ended = copy.snakemake("results/small/leaderboard.tsv", check=False)
    assert ended.returncode != 0
    assert "No videos are left" in ended.stdout + ended.stderr

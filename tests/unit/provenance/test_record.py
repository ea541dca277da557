"""What a record tells of the code that made a run, and what it holds to be the same."""

import json
import os
import shutil
import subprocess

import pytest

from workflow_scripts.lib.provenance.record import git_revision, reproducible_digest


@pytest.fixture
def clone(tmp_path):
    """A repository with one commit."""
    (tmp_path / "file").write_text("a")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "--quiet"], ["add", "file"], [*who, "commit", "--quiet", "-m", "a"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_the_revision_and_whether_it_was_edited(clone):
    head = ["git", "rev-parse", "HEAD"]
    said = subprocess.run(head, cwd=clone, capture_output=True, text=True, check=True).stdout
    assert git_revision(clone) == {"revision": said.strip(), "edited": False}
    (clone / "file").write_text("b")
    assert git_revision(clone) == {"revision": said.strip(), "edited": True}


def test_without_git_there_is_none(tmp_path, caplog):
    assert git_revision(tmp_path) is None
    assert not caplog.records


def test_a_damaged_clone_is_told(clone, caplog):
    shutil.rmtree(clone / ".git/objects")
    assert git_revision(clone) is None
    assert "can't name the revision" in caplog.text
    assert "not a git repository" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a file to somebody else needs root")
def test_somebody_elses_clone_is_told(clone, caplog):
    for path in (clone, *clone.rglob("*")):
        os.chown(path, 12345, 12345)
    assert git_revision(clone) is None
    assert "dubious ownership" in caplog.text


@pytest.mark.parametrize(
    ("name", "key", "counts"),
    [
        ("faces/v.json", "made_from", False),
        ("faces/v.json", "status", True),
        ("models/identity/forest/model.json", "seed", True),
        ("models/identity/forest/choice.json", "params", True),
        ("models/identity/forest/model.json", "made_from", True),
    ],
)
def test_only_what_a_file_tells_of_its_making_does_not_count(tmp_path, name, key, counts):
    (tmp_path / name).parent.mkdir(parents=True)
    digests = set()
    for value in (1, 2):
        (tmp_path / name).write_text(json.dumps({"a": 0, key: value}))
        digests.add(reproducible_digest(tmp_path, name))
    assert len(digests) == (2 if counts else 1)


@pytest.mark.parametrize(("column", "counts"), [("train_cpu_s", False), ("video_eer", True)])
def test_costs_on_the_leaderboard_do_not_count(tmp_path, column, counts):
    digests = set()
    for value in (1, 2):
        (tmp_path / "leaderboard.tsv").write_text(f"experiment\t{column}\na\t{value}\n")
        digests.add(reproducible_digest(tmp_path, "leaderboard.tsv"))
    assert len(digests) == (2 if counts else 1)

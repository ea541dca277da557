"""What a record tells of the code that made a run."""

import os
import shutil
import subprocess

import pytest

from workflow_scripts.lib.provenance.record import git_revision


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

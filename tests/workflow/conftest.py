"""What the tests of the workflow share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects import Project, copy_tree


def copied(project: Project, target: Path) -> Project:
    """A copy of a run that a test may change."""
    copy_tree(project.root, target)
    return Project(target)


@pytest.fixture
def copy(tmp_path: Path, finished: Project) -> Project:
    """A copy of the finished small run."""
    return copied(finished, tmp_path / "project")


@pytest.fixture
def tiny_copy(tmp_path: Path, tiny: Project) -> Project:
    """A copy of the finished tiny run."""
    return copied(tiny, tmp_path / "project")

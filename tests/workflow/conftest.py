"""What the tests of the workflow share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.projects import Project


@pytest.fixture
def copy(tmp_path: Path, finished: Project) -> Project:
    """A copy of the finished run that a test may change."""
    target = tmp_path / "project"
    shutil.copytree(finished.root, target, symlinks=True)
    return Project(target)

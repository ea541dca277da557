"""The small run that the tests of the workflow and of the cluster share."""

from __future__ import annotations

import pytest

from tests.projects import Project, small_project, small_videos
from workflow_scripts.lib.manifest import Video


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Video]:
    """The clips of the small run."""
    return small_videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, videos: list[Video]) -> Project:
    """A small run that has ended well. Tests that change something take a `copy`."""
    project = small_project(tmp_path_factory.mktemp("finished") / "project", videos)
    project.snakemake()
    return project

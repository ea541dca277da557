"""The small run that the tests of the workflow and of the cluster share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.clips import write_clip
from tests.workflow.conftest import PEOPLE, Project, forged, person, small_project
from workflow_scripts.lib.manifest import Video


def small_videos(folder: Path) -> list[Video]:
    """Write a real and a fake clip of each person; the fakes pair neighbours."""
    rows = []
    for number in range(PEOPLE):
        other = number ^ 1
        for label in ("real", "fake"):
            picture = person(number) if label == "real" else forged(person(number))
            path = folder / f"{label} {number}.mp4"
            rng = np.random.default_rng(number)
            noisy = [
                np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
                for _ in range(4)
            ]
            write_clip(path, (noisy[i // 30 % 4] for i in range(185)))
            source = f"p{other}" if label == "fake" else ""
            rows.append(Video(f"{label}{number}", str(path), label, "", f"p{number}", source))
    return rows


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

"""What tests of several folders share: the small runs, each made once whatever the number of
processes that test side by side."""

from __future__ import annotations

import compileall
import fcntl
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.projects import (
    Project,
    few_of,
    small_project,
    small_videos,
    tiny_project,
    write_small_videos,
)
from workflow_scripts.lib.data.manifest import Video

TESTS = Path(__file__).parent
# machines differ in speed, and may be busy
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")
# has the pixel forest compiled for what the small run does
FIT = """
import numpy as np
from workflow_scripts.lib.training.pixel_forest.classifier import PixelForestClassifier
matrix, labels = np.arange(96, dtype=np.uint8).reshape(8, 12), np.arange(8) % 2
forest = PixelForestClassifier(2, oob_score=True, random_state=1)
forest.fit(matrix, labels, groups=np.arange(8) // 2).predict_proba(matrix)
"""


class ByFile(LoadFileScheduling):
    """Gives a file's tests to one process, which makes for them what they share, and the files in
    their order. Those of a SLURM count as one file, since a machine has one."""

    def __init__(self, config: pytest.Config, log: Any):
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "slurm" if file.startswith("tests/slurm/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Who hands tests out to the processes."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is long must not come last: a SLURM is waited for, real runs take minutes, and of the
    unit tests the files with most take longest."""
    sizes = Counter(item.path for item in items)
    folders = ["unit", "workflow", "commands", "slurm"]

    def rank(item: pytest.Item) -> tuple[int, int]:
        folder = item.path.relative_to(TESTS).parts[0]
        return (folders.index(folder) if folder in folders else 0, sizes[item.path])

    items.sort(key=rank, reverse=True)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this session's, the same for all of its processes."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


def made_once(path: Path, make: Callable[[], None]) -> None:
    """See that `path` is there, which `make` makes: others wait meanwhile."""
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make()


def made_run(project: Path, prepare: Callable[[], Project]) -> Project:
    """A run that ends well, in the folder `project`."""

    def make() -> None:
        prepare().snakemake()
        Path(f"{project}.done").touch()

    made_once(Path(f"{project}.done"), make)
    return Project(project)


@pytest.fixture(scope="session")
def videos(shared: Path) -> list[Video]:
    """The clips of the small run."""
    folder = shared / "videos"

    def make() -> None:
        write_small_videos(shared / "unfinished")
        (shared / "unfinished").rename(folder)

    made_once(folder, make)
    return small_videos(folder)


@pytest.fixture(scope="session")
def compiled(shared: Path) -> None:
    """What Python and Numba compile of the project, made once: its copies take it along."""

    def make() -> None:
        assert compileall.compile_dir(TESTS.parent / "workflow_scripts", quiet=1)
        subprocess.run([sys.executable, "-c", FIT], cwd=TESTS.parent, check=True)
        (shared / "compiled").touch()

    made_once(shared / "compiled", make)


@pytest.fixture(scope="session")
def finished(shared: Path, videos: list[Video], compiled: None) -> Project:
    """A small run that has ended well. Tests read it; to start something there, take a `copy`."""
    return made_run(shared / "finished", lambda: small_project(shared / "finished", videos))


@pytest.fixture(scope="session")
def tiny(shared: Path, videos: list[Video], compiled: None) -> Project:
    """The smallest run that has every stage, undisturbed. Tests only read it."""
    return made_run(shared / "tiny", lambda: tiny_project(shared / "tiny", few_of(videos)))

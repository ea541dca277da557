"""A real SLURM for these tests, and small runs on it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from tests.projects import ROOT, Project, few_of, quiet_environment, tiny_project
from tests.slurm.cluster import CONF, DAEMONS, MARK, PACKAGES, wait_until
from workflow_scripts.lib.data.manifest import Video

# a first look at the queue after 3 s instead of the profile's 10: the tests' jobs are short
OPTIONS = ["--profile", "slurm", "--slurm-init-seconds-before-status-checks", "3"]
FACES_ONLY = ["--until", "crop_faces", "--group-components", "video=2"]


@dataclass(frozen=True)
class Cluster:
    """The running cluster, seen from outside."""

    keeper: subprocess.Popen[str]

    def tell(self, order: str) -> None:
        """Give the keeper of the cluster an order, and wait until it is done."""
        assert self.keeper.stdin is not None
        assert self.keeper.stdout is not None
        print(order, file=self.keeper.stdin, flush=True)
        assert self.keeper.stdout.readline() == "done\n"


@dataclass(frozen=True)
class Submission:
    """What `scontrol` knows about a job."""

    job: str
    comment: str
    state: str
    node: str
    asked: tuple[int, int, int]  # CPUs, MB, minutes


def what_is_missing() -> str:
    """Why no SLURM can be started here, and what to do; nothing, if one can."""
    absent = [name for name in DAEMONS if not shutil.which(name)]
    if os.geteuid() != 0:
        return "starting a SLURM needs root: run these tests as root, in a container for example"
    if absent:
        install = f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
        return f"{', '.join(absent)} not found: get them by `{install}` (Debian or Ubuntu)"
    if CONF.exists() and not CONF.read_text().startswith(MARK):
        return f"this machine has a SLURM of its own ({CONF}), which is left alone"
    return ""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """A SLURM with three nodes, which ends with the block, or with this process; its files lie in a
    folder."""
    folder.mkdir(parents=True, exist_ok=True)
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.slurm.cluster", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with keeper:
        assert keeper.stdout is not None
        assert keeper.stdin is not None
        assert keeper.stdout.readline() == "ready\n"
        yield Cluster(keeper)
        keeper.stdin.close()
        assert keeper.wait(timeout=120) == 0
    assert not CONF.is_symlink()


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A SLURM with three nodes, which ends with the last of these tests."""
    if missing := what_is_missing():
        pytest.skip(missing)
    with running(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture
def project(cluster: Cluster, tmp_path: Path, videos: list[Video], tiny: Project) -> Project:
    """A run on four videos in groups of two, whose detector is there already."""
    project = tiny_project(tmp_path / "project", few_of(videos)[:4])
    shutil.copytree(tiny.root / "resources", project.root / "resources")
    return project


def start(project: Project, *arguments: str, seconds: int = 900) -> subprocess.Popen[str]:
    """Start snakemake on the cluster; it is killed if it should hang."""
    with (project.root / "output.txt").open("w") as output:
        return subprocess.Popen(
            ["timeout", "--foreground", "-k", "10", str(seconds), *project.command(*arguments)],
            cwd=project.root,
            env=quiet_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )


def finish(project: Project, process: subprocess.Popen[str]) -> str:
    """Wait for snakemake to end well; its output."""
    status = process.wait()
    output = (project.root / "output.txt").read_text()
    assert status == 0, output
    return output


def submissions(project: Project) -> list[Submission]:
    """All jobs that a project has submitted, in their order."""
    found = []
    for job in _jobs(project):
        hours, minutes, _ = map(int, job["TimeLimit"].split(":"))
        asked = (int(job["NumCPUs"]), megabytes(job["MinMemoryNode"]), 60 * hours + minutes)
        names = ("JobId", "Comment", "JobState", "NodeList")
        number, comment, state, node = (job[name] for name in names)
        found.append(Submission(number, comment, state, node, asked))
    return found


def elapsed_seconds(project: Project) -> list[float]:
    """From start to end of each job that a project has submitted."""
    times = ((job["StartTime"], job["EndTime"]) for job in _jobs(project))
    return [
        (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
        for begin, end in times
    ]


def _jobs(project: Project) -> list[dict[str, str]]:
    """What `scontrol` says of each job that a project has submitted."""
    shown = subprocess.run(
        ["timeout", "-k", "1", "20", "scontrol", "show", "job", "-o"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = shown.stdout.splitlines()
    jobs = (dict(re.findall(r"(?:^| )(\w+)=(\S*)", line)) for line in lines)
    return [job for job in jobs if job.get("WorkDir") == str(project.root)]


def cancel(jobs: list[Submission]) -> None:
    """End jobs by `scancel`."""
    command = ["timeout", "-k", "1", "20", "scancel", *(job.job for job in jobs)]
    subprocess.run(command, check=True)


def final_states(project: Project) -> set[str]:
    """How a project's jobs have ended, once all of them have."""

    def states() -> set[str]:
        return {job.state for job in submissions(project)}

    going_on = {"PENDING", "RUNNING", "COMPLETING"}
    wait_until(lambda: not states() & going_on, 60, "the end of the jobs")
    return states()


def megabytes(text: str) -> int:
    """SLURM's 1500M or 2G as a number."""
    return int(float(text[:-1]) * {"M": 1, "G": 1024}[text[-1]])


def until_first_face(project: Project, process: subprocess.Popen[str]) -> list[Submission]:
    """Wait until some faces are done while others are not; the groups that run then."""
    while not finished_faces(project):
        assert process.poll() is None, (project.root / "output.txt").read_text()
        time.sleep(0.02)
    return [job for job in submissions(project) if job.state == "RUNNING"]


def finished_faces(project: Project) -> dict[str, str]:
    """The logs of the face jobs that Snakemake knows as done: another text is another run of the
    job.

    A member of a group is done once its node's Snakemake has taken all of its marks away; the
    metadata come with the end of the group. A job that ends with its script, before that, has to
    run again. Times of change won't do: Snakemake touches the outputs of a group.
    """
    marks = {
        Path(urlsafe_b64decode(mark.name).decode())
        for mark in (project.root / ".snakemake/incomplete").glob("*")
    }
    logs = {}
    for picture in project.results.glob("faces/*.jpg"):
        shown = picture.relative_to(project.root)
        if not {shown.with_suffix(suffix) for suffix in (".jpg", ".json", ".npz")} & marks:
            log = project.results / f"logs/crop_faces/{picture.stem}.log"
            logs[picture.stem] = log.read_text()
    return logs


def interrupt(process: subprocess.Popen[str]) -> None:
    """Ctrl-C, once, and wait."""
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0


def kill(process: subprocess.Popen[str]) -> None:
    """`kill -9` of snakemake, below the `timeout` that was started."""
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)
    assert process.wait(timeout=60) != 0

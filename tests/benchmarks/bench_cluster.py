"""What a video costs on a cluster: one submission of several videos, up to their faces, on a real
SLURM of three nodes on this machine.

    python -m tests.benchmarks.bench_cluster [VIDEOS]

Needs the test tools (`make test`), root and Debian's packages (CONTRIBUTING.md). `elapsed` is what
SLURM counts for the submission, from its start to its end; `work` is the CPU time of the scripts
themselves, as their logs tell it; the rest is Snakemake's on the node.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.projects import Project, small_videos, tiny_project, write_small_videos
from tests.slurm.conftest import OPTIONS, elapsed_seconds, finish, running, start, what_is_missing
from workflow_scripts.lib.common.joblog import read_cost

VIDEOS = 20  # of a submission, by the profile


def run_group(folder: Path, count: int) -> Project:
    """A run of `count` videos as one submission, after one of the detector alone."""
    write_small_videos(folder / "videos")
    clips = small_videos(folder / "videos")
    rows = [replace(clips[n % len(clips)], video_id=f"v{n:03}") for n in range(count)]
    project = tiny_project(folder / "project", rows)
    project.snakemake("resources/detector/pnet.onnx")
    group = ["--until", "crop_faces", "--group-components", f"video={count}"]
    finish(project, start(project, *group, *OPTIONS))
    return project


def main(command_line: list[str] | None = None) -> None:
    """Measure one submission."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=int, nargs="?", default=VIDEOS)
    arguments = parser.parse_args(command_line)
    if missing := what_is_missing():
        sys.exit(f"No SLURM can be started here: {missing}")
    with tempfile.TemporaryDirectory() as name, running(Path(name) / "cluster"):
        measure(Path(name), arguments.videos)


def measure(folder: Path, count: int) -> None:
    """Print what one submission of `count` videos costs on the cluster that is running."""
    project = run_group(folder, count)
    (elapsed,) = elapsed_seconds(project)
    logs = project.results / "logs"
    work = sum(
        read_cost(log)["cpu_s"]
        for rule in ("sample_frames", "crop_faces")
        for log in (logs / rule).glob("*.log")
    )
    print(f"{'videos':>8} {'elapsed s':>10} {'per video':>10} {'work CPU s per video':>21}")
    print(f"{count:8} {elapsed:10.0f} {elapsed / count:10.2f} {work / count:21.2f}")


if __name__ == "__main__":
    main()

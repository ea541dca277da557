"""What Snakemake and process start add to each per-video job, and a projection from it.

    python -m tests.benchmarks.bench_workflow [--small] [VIDEO]

Runs the real workflow up to the faces on copies of one video, in two sizes. The CPU that the
operating system counted, less what the jobs say of themselves in their logs, is Snakemake's own and
that of the shells it starts; what a job costs on a file that is no video is process start. Last,
two runs on the same videos share a cache. Without VIDEO a 720p clip is made.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bench_sampling import texture
from tests.benchmarks.measure import ONE_THREAD, QUIET, SMALL, cost_of
from tests.clips import write_clip
from tests.projects import Project, small_project
from workflow_scripts.lib.common.joblog import read_cost
from workflow_scripts.lib.data.manifest import Video

SIZES = (25, 100)
STUDY = 2000
STAGES = ("sample_frames", "crop_faces")


def videos(paths: list[Path]) -> list[Video]:
    """A row for each file, half of them real."""
    return [Video(f"v{i}", str(path), ("real", "fake")[i % 2]) for i, path in enumerate(paths)]


def run(
    folder: Path, paths: list[Path], cache: Path | None = None
) -> tuple[float, float, dict[str, float]]:
    """Run up to the faces; returns seconds, Snakemake's own CPU per job, and each stage's CPU."""
    count = len(paths)
    project = small_project(folder, videos(paths))
    project.configure(faces={"size": 320}, face_cache=cache and str(cache))
    targets = [f"results/small/faces/v{i}.json" for i in range(count)]
    command = project.command(*targets, *QUIET)
    start = time.monotonic()
    cost = cost_of(command, ONE_THREAD, str(project.root))
    wall = time.monotonic() - start
    stages = {stage: _mean_cost(project, stage) for stage in STAGES}
    own = (cost.cpu_s - count * sum(stages.values())) / (len(STAGES) * count)
    return wall, own, stages


def _mean_cost(project: Project, stage: str) -> float:
    logs = list((project.results / "logs" / stage).iterdir())
    return sum(read_cost(log)["cpu_s"] for log in logs) / len(logs)


def main(command_line: list[str] | None = None) -> None:
    """Measure, and project the reference study's 2,000 videos on this machine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path, nargs="?", help="a video of at least 181 frames")
    parser.add_argument("--small", action="store_true", help=SMALL)
    arguments = parser.parse_args(command_line)
    video, sizes = arguments.video, (2,) if arguments.small else SIZES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not video:
            video = folder / "texture.mp4"
            write_clip(video, texture(200, 320, 180) if arguments.small else texture(300))
        empty = folder / "empty.mp4"
        empty.touch()
        _, _, starting = run(folder / "empty", [empty] * sizes[0])
        print(f"{'videos':>7} {'wall s':>7} {'Snakemake CPU s per job':>24}", end="")
        print("".join(f" {stage + ' CPU s (start)':>28}" for stage in STAGES))
        for count in sizes:
            wall, own, stages = run(folder / str(count), [video.absolute()] * count)
            print(f"{count:7} {wall:7.1f} {own:24.2f}", end="")
            for stage in STAGES:
                print(f" {stages[stage]:20.2f} ({starting[stage]:5.2f})", end="")
            print()
        cpu = STUDY * (sum(stages.values()) + len(STAGES) * own)
        cores = os.cpu_count() or 1
        print(
            f"{STUDY} such videos, up to the faces: {cpu / 3600:.1f} CPU h, "
            f"{STUDY * wall / count / 60:.0f} min on the {cores} cores of this machine."
        )
        different = copies(video, folder, sizes[0])
        for of_a_run in ("first", "second"):
            _, own, stages = run(folder / of_a_run, different, folder / "cache")
            cost = sum(stages.values()) + len(STAGES) * own
            print(f"CPU s per video of the {of_a_run} run with the same cache: {cost:.2f}")


def copies(video: Path, folder: Path, count: int) -> list[Path]:
    """Copies of a video that differ in content, not in pictures: an unused box is added."""
    paths = [folder / f"copy{i}.mp4" for i in range(count)]
    for i, path in enumerate(paths):
        path.write_bytes(video.read_bytes() + b"\0\0\0\x0cfree" + i.to_bytes(4))
    return paths


if __name__ == "__main__":
    main()

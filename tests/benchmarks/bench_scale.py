"""What Snakemake costs where videos are many: planning, starting, and finding nothing to do.

    python -m tests.benchmarks.bench_scale [COUNT ...]

Makes runs of that many videos (2,000 and 20,000 unless told otherwise) whose files are there but
empty. `parse` is what a job on a cluster pays to read the Snakefile, on top of Snakemake's own
start; `first job` is the time until a real run has started one; `no-op` is a second run that finds
all done.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.measure import QUIET, Cost, cost_of
from tests.projects import Project, small_project
from workflow_scripts.lib.data.manifest import Video

COUNTS = (2000, 20000)
# Snakemake sleeps 0.1 s before each touch
TOUCH = """from snakemake.cli import main; from snakemake.executors import touch
touch.Executor.SLEEPING_TIME = 0; main()"""
NOTHING = 'rule all:\n    output: "x"\n    shell: "touch x"\n'


def make_project(folder: Path, count: int) -> Project:
    """A run of `count` empty files, half of them real, each fake of its own two people."""
    (folder / "videos").mkdir(parents=True)
    rows = []
    for number in range(count // 2):
        for label, source in (("real", ""), ("fake", f"p{number ^ 1}")):
            name = f"{label}{number:06}"
            (folder / "videos" / name).touch()
            rows.append(Video(name, f"videos/{name}", label, "", f"p{number}", source))
    return small_project(folder, rows)


def start_cost(folder: Path) -> Cost:
    """What Snakemake costs on a workflow of one rule."""
    folder.mkdir()
    (folder / "Snakefile").write_text(NOTHING)
    return _plan(Project(folder), "--snakefile", "Snakefile")


def _plan(project: Project, *arguments: str) -> Cost:
    snakemake, *_ = project.command()
    return cost_of([snakemake, *arguments, "-n", *QUIET], cwd=str(project.root))


def seconds_to_first_job(project: Project) -> float:
    """Wall time until a real run has begun its first job; the run is killed then."""
    start = time.monotonic()
    process = subprocess.Popen(
        project.command(),
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (log := next(project.root.glob("re*/**/logs/*/*.log"), None)):
        if process.poll() is not None:
            raise SystemExit("The run has ended before its first job.")
        time.sleep(0.05)
    seconds = time.monotonic() - start
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    log.unlink(missing_ok=True)
    return seconds


def pretend_all_is_done(project: Project) -> None:
    """Make every output, empty, and let Snakemake take it for done."""
    command = project.command("--summary")
    shown = subprocess.run(command, cwd=project.root, check=True, capture_output=True, text=True)
    for line in shown.stdout.splitlines()[1:]:
        path = project.root / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    _, *arguments = project.command("--touch", *QUIET)
    cost_of([sys.executable, "-c", TOUCH, *arguments], cwd=str(project.root))


def main(command_line: list[str] | None = None) -> None:
    """Measure, and print a line for each number of videos."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", type=int, nargs="*", default=COUNTS, metavar="COUNT")
    counts = parser.parse_args(command_line).counts
    with tempfile.TemporaryDirectory() as name:
        bare = start_cost(Path(name, "bare"))
        print(f"Snakemake's own start: {bare.cpu_s:.1f} CPU s, {bare.memory_mb:.0f} MB")
        print(" videos   parse s   plan s     MB   first job s   no-op s     MB")
        for count in counts:
            project = make_project(Path(name, str(count)), count)
            config = ("--configfile", "small.yaml")
            parse = _plan(project, "resources/detector/pnet.onnx", *config)
            plan = _plan(project, *config)
            first = seconds_to_first_job(project)
            pretend_all_is_done(project)
            no_op = cost_of(project.command(*QUIET), cwd=str(project.root))
            print(
                f"{count:7} {parse.cpu_s - bare.cpu_s:9.2f} {plan.cpu_s:8.1f} "
                f"{plan.memory_mb:6.0f} {first:13.1f} {no_op.cpu_s:9.1f} {no_op.memory_mb:6.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

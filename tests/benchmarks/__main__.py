"""The benchmarks of `make bench`, one after the other.

    python -m tests.benchmarks [--small] [VIDEO]

Those that take a video are of VIDEO, or without it of clips that they make.
"""

import argparse
import os
import platform
from datetime import date
from pathlib import Path

from tests.benchmarks import bench_faces, bench_sampling, bench_store, bench_workflow
from tests.benchmarks.measure import SMALL

BENCHMARKS = {
    "Sampling 7 frames of one video": bench_sampling,
    "Face stage of one video": bench_faces,
    "Building the store": bench_store,
    "The workflow, up to the faces": bench_workflow,
}


def main() -> None:
    """Run them all."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("video", type=Path, nargs="?", help="a video of at least 181 frames")
    parser.add_argument("--small", action="store_true", help=SMALL)
    arguments = parser.parse_args()
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    print(f"{date.today()}, {machine}, Python {platform.python_version()}")
    small = ["--small"] if arguments.small else []
    video = [str(arguments.video)] if arguments.video else []
    for title, benchmark in BENCHMARKS.items():
        print(f"\n{title}", flush=True)
        if benchmark is bench_store:  # which takes a number
            benchmark.main(["2"] if small else [])
        else:
            benchmark.main([*small, *video])


if __name__ == "__main__":
    main()

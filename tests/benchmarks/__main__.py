"""All benchmarks: `make bench`, or `python -m tests.benchmarks [VIDEO]`."""

import os
import platform
import sys
from datetime import date

from tests.benchmarks import bench_faces, bench_sampling, bench_store, bench_workflow

machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
print(f"{date.today()}, {machine}, Python {platform.python_version()}")
for title, benchmark, arguments in (
    ("Sampling 7 frames of one video", bench_sampling, sys.argv[1:]),
    ("Face stage of one video", bench_faces, sys.argv[1:]),
    ("Building the store", bench_store, []),
    ("The workflow, up to the faces", bench_workflow, sys.argv[1:]),
):
    print(f"\n{title}", flush=True)
    benchmark.main(arguments)

"""Cost of whole processes, as the operating system counts it.

A process's peak memory is counted from the moment its parent forks, parent's memory included. So a
small process of its own, this file, starts the command and tells what it cost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from statistics import median

ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # as Snakemake sets it for a job of one thread
QUIET = ("--quiet", "progress", "rules")  # Snakemake's `all` would hide errors too
RUNS = 5
SMALL = "a few seconds' worth, to see that it works; its figures are of no use"


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system, children included) and peak memory in MB."""

    cpu_s: float
    memory_mb: float


def cost_of(command: list[str], environment: dict[str, str] | None = None, cwd: str = ".") -> Cost:
    """Run a command and return what it cost; it must end well. What it prints is not shown."""
    with tempfile.NamedTemporaryFile("r") as answer:
        starter = [sys.executable, "-I", "-S", __file__, answer.name, *command]
        ended = subprocess.run(
            starter,
            env=os.environ | (environment or {}),
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise SystemExit(f"{ended.stdout}\n{' '.join(command)} failed.")
        return Cost(**json.load(answer))


def cost_of_way(module: str, way: str, *arguments: object, runs: int = RUNS) -> Cost:
    """Median cost of processes that run `module` with `--way way`."""
    command = [sys.executable, "-m", module, "--way", way, *map(str, arguments)]
    costs = [cost_of(command, ONE_THREAD) for _ in range(runs)]
    return Cost(median(cost.cpu_s for cost in costs), median(cost.memory_mb for cost in costs))


def start(answer: str, command: list[str]) -> int:
    """Run a command as a child, write its cost to the file `answer`, return its exit status."""
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    cost = {"cpu_s": usage.ru_utime + usage.ru_stime, "memory_mb": usage.ru_maxrss * 1024 / 1e6}
    with open(answer, "w", encoding="utf-8") as out:  # noqa: PTH123 (pathlib would be imported)
        json.dump(cost, out)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(start(sys.argv[1], sys.argv[2:]))

"""Snakemake's command line in a forked process: the real one, its imports paid once.

As a module it is a client; as a command it is the server, which imports Snakemake and then forks
for each command line that comes on its standard input. It imports nothing of the project's, since
each project in a test has its own copy of that.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

# what every start of Snakemake imports sooner or later
IMPORTS = (
    *("snakemake.cli", "snakemake.scheduling.greedy", "snakemake.script"),
    *("docutils", "jsonschema", "nbformat", "pygments", "requests", "smart_open", "yte"),
)


def run_snakemake(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `[".../snakemake", argument, ...]` in the folder `cwd`, as `subprocess.run` would."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as name:
        said = [Path(name, stream) for stream in ("stdout", "stderr")]
        print(json.dumps([command, str(cwd), *map(str, said)]), file=server.stdin, flush=True)
        returncode = int(server.stdout.readline())
        return subprocess.CompletedProcess(command, returncode, *(p.read_text() for p in said))


@cache
def _server() -> subprocess.Popen[str]:
    """The server of this process; it ends with it."""
    return subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _become_snakemake(command: list[str], cwd: str, out: str, err: str) -> None:
    """What the forked process does: Snakemake's `main`, with this command line, in this folder."""
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(cwd)
    sys.argv = command
    from snakemake.cli import main

    main(command[1:])


def _serve() -> None:
    sys.path.pop(0)  # this folder
    for name in IMPORTS:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become_snakemake(*json.loads(line))  # ends by SystemExit, as `snakemake` does
            raise SystemExit
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()

"""Style and types, by the tools that keep them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        pytest.param(["mypy"], marks=pytest.mark.slow),
        pytest.param(["snakefmt", "--check", "Snakefile", "rules"], marks=pytest.mark.slow),
        pytest.param(["snakemake", "--lint"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_is_clean(command):
    ended = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr

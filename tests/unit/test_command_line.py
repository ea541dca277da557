"""`deepfake`: help, imports and completion."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import DEEPFAKE, deepfake

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "workflow_scripts/cli").glob("[!_]*.py"))
COMMANDS = [path.stem.replace("_", "-") for path in MODULES if path.stem != "main"]


def test_help_lists_every_command(capsys):
    assert deepfake("--help") == 0
    output = capsys.readouterr().out
    listed = re.findall(r"^  (\S+)  ", output.partition("\nCommands:\n")[2], re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)
    assert "..." not in output.partition("Commands:")[2], "a line is cut off"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_examples(command, capsys):
    assert deepfake(command, "--help") == 0
    output = capsys.readouterr().out
    _, example, then = output.rstrip().rsplit("\n\n", 2)
    assert re.match(rf"  Examples?:\n    deepfake {command} ", example)
    assert then, "what comes next"


def test_help_has_no_slow_imports():
    code = (
        "import sys\n"
        "from tests.command_line import deepfake\n"
        "deepfake('--help'), deepfake('judge', '--help')\n"
        "slow = {'numpy', 'cv2', 'pandas', 'pydantic', 'requests', 'rich', 'zarr'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def completion(**variables):
    """The output for a shell's completion request."""
    ended = subprocess.run(
        DEEPFAKE, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    return ended.stdout


def test_shell_completion():
    assert "complete -o default" in completion(_DEEPFAKE_COMPLETE="source_bash")
    typed = {"COMP_WORDS": "deepfake manifest f", "COMP_CWORD": "2"}
    found = completion(_DEEPFAKE_COMPLETE="complete_bash", **typed)
    assert found.split() == ["faceforensics", "folders"]


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["judge"], ["manifest"]])
def test_usage_errors_exit_with_status_2(arguments, capsys):
    assert deepfake(*arguments) == 2
    output = capsys.readouterr()
    assert "Usage: deepfake" in output.out + output.err


def test_file_name_may_start_with_a_dash(capsys):
    assert deepfake("judge", "--model", "none.zip", "--", "-clip.mp4") == 1
    assert capsys.readouterr().err == "judge: -clip.mp4 does not exist. Correct the path.\n"

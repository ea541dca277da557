"""`deepfake` as a whole: its help, what it imports, and its completion."""

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
    told = capsys.readouterr().out
    listed = re.findall(r"^  (\S+)  ", told.partition("\nCommands:\n")[2], re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)
    assert "..." not in told.partition("Commands:")[2], "a line is cut off"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_how_it_is_typed(command, capsys):
    assert deepfake(command, "--help") == 0
    told = capsys.readouterr().out
    _, example, then = told.rstrip().rsplit("\n\n", 2)
    assert re.match(rf"  Examples?:\n    deepfake {command} ", example)
    assert then, "what comes next"


def test_help_imports_nothing_that_is_slow():
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


def completion(**asked):
    """What a shell gets that asks for completion."""
    ended = subprocess.run(
        DEEPFAKE, cwd=ROOT, env=os.environ | asked, capture_output=True, text=True, check=False
    )
    return ended.stdout


def test_the_shell_is_given_its_completion():
    assert "complete -o default" in completion(_DEEPFAKE_COMPLETE="source_bash")
    typed = {"COMP_WORDS": "deepfake manifest f", "COMP_CWORD": "2"}
    found = completion(_DEEPFAKE_COMPLETE="complete_bash", **typed)
    assert found.split() == ["faceforensics", "folders"]


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["judge"], ["manifest"]])
def test_what_is_typed_wrongly_has_a_status_of_its_own(arguments, capsys):
    assert deepfake(*arguments) == 2
    said = capsys.readouterr()
    assert "Usage: deepfake" in said.out + said.err


def test_a_name_may_begin_with_a_dash(capsys):
    assert deepfake("judge", "--model", "none.zip", "--", "-clip.mp4") == 1
    assert capsys.readouterr().err == "judge: -clip.mp4 does not exist. Correct the path.\n"

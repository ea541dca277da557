"""Each target of the Makefile that needs nothing from outside, in a fresh clone where nothing else
was made before."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.browser import CHROMIUM
from tests.bundles import write_small_bundle
from tests.commands.test_benchmarks import COMMANDS
from tests.projects import ROOT, quiet_environment
from workflow_scripts.lib.data.manifest import read_manifest

pytestmark = pytest.mark.slow
NOT_TRIED = {"lock": "asks a package index for whatever is newest", "test": "", "test-all": ""}


@pytest.fixture
def clone(tmp_path):
    """What git has of the working tree, changes included, and nothing else."""
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    target = tmp_path / "clone"
    for name in files.stdout.split("\0")[:-1]:
        if (ROOT / name).is_symlink() or (ROOT / name).exists():  # else it was deleted
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    return target


def make(folder, *arguments, check=True):
    """Run make as a person would; what it printed."""
    environment = {
        key: value
        for key, value in quiet_environment().items()
        if not key.startswith(("MAKE", "MFLAGS"))  # of the `make` that has started the tests
    }
    ended = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment,
    )
    if check:
        assert ended.returncode == 0, ended.stdout
    return ended.stdout


def targets():
    """The targets that `make` lists."""
    listed = make(ROOT, "help").splitlines()
    return {line.split()[0] for line in listed if line}


def test_every_target_is_tried_here():
    tried = set(re.findall(r'make\(clone, "([a-z-]+)"', Path(__file__).read_text()))
    assert tried | NOT_TRIED.keys() == targets() - {"help"}


@pytest.mark.timeout(3000)  # the longest of all
def test_demo_then_judge_and_pictures(clone):
    said = make(clone, "demo")
    assert "==> Setting up .venv" in said
    assert "spectrum_dct_sparsity" in said.partition("The leaderboard:")[2]
    assert (clone / "results/demo/report.html").is_file()
    (row, *_) = read_manifest(clone / "config/demo.tsv").values()
    said = make(clone, "judge", f"VIDEO={row.path}")
    assert "Setting up" not in said
    assert re.search("^(FAKE|REAL|UNDETERMINED)", said, re.MULTILINE)
    assert (clone / "verdict/verdict.html").is_file()
    if CHROMIUM and shutil.which("dot"):
        pictures = {path: path.read_bytes() for path in (clone / "docs/images").iterdir()}
        for path in pictures:
            path.unlink()
        make(clone, "pictures")
        assert set((clone / "docs/images").iterdir()) == pictures.keys()


def test_judge_with_a_bundle_makes_no_run(clone, videos, tmp_path):
    bundle = write_small_bundle(tmp_path)
    before = set(clone.iterdir())
    said = make(clone, "judge", f"VIDEO={videos[0].path}", f"JUDGE={bundle}")
    assert re.search("^(FAKE|REAL|UNDETERMINED)", said, re.MULTILINE)
    assert {path.name for path in set(clone.iterdir()) - before} == {".venv", "verdict"}
    deepfake, manifest = clone / ".venv/bin/deepfake", clone / "config/demo.tsv"
    command = [deepfake, "split-manifest", manifest, "--parts", "2"]
    subprocess.run(command, cwd=tmp_path, check=True)  # from any folder
    assert (clone / "config/demo-2.tsv").is_file()


def test_docs_are_as_they_were(clone):
    pages = {path: path.read_bytes() for path in (clone / "docs").glob("*.md")}
    make(clone, "docs")
    assert {path: path.read_bytes() for path in pages} == pages


def test_lint(clone):
    assert re.search(r"\d+ passed", make(clone, "lint"))


def test_bench(clone):
    command = COMMANDS["tests.benchmarks"]
    command.check(make(clone, "bench", f"BENCH={command.arguments}"))


def test_bench_forest(clone):
    command = COMMANDS["tests.benchmarks.bench_forest"]
    command.check(make(clone, "bench-forest", f"BENCH={command.arguments}"))


def test_reference(clone):
    make(clone, "reference")
    command = [clone / ".venv/bin/python", "-c", "import tensorflow"]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize(("target", "mark"), [("base", "pyvenv.cfg"), ("develop", "unfinished")])
def test_a_set_up_that_was_interrupted_is_made_anew(clone, target, mark):
    environment = clone / ".venv"
    if target != "base":
        make(clone, ".venv/base")
    process = subprocess.Popen(["make", f".venv/{target}"], cwd=clone, start_new_session=True)
    while not (environment / mark).exists():
        assert process.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (environment / target).exists()
    assert ".venv is unfinished" in make(clone, f".venv/{target}")
    assert "is up to date" in make(clone, f".venv/{target}")

"""The workflow's code in one folder and a run in another, and the workflow as a part of another."""

import sys
from pathlib import Path

import pytest

from tests.projects import Project, fingerprint
from tests.starter import run_snakemake
from workflow_scripts.lib.provenance.record import read_record

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
MODULE = """
module deepfake:
    snakefile: "{snakefile}"
    config: config

use rule * from deepfake as deepfake_*

rule mine:
    default_target: True
    input: rules.deepfake_all.input
"""


def started(folder, *arguments):
    """Start snakemake in a folder; returns what it printed."""
    ended = run_snakemake([SNAKEMAKE, *map(str, arguments)], folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def elsewhere(tiny, tmp_path):
    """A folder with nothing but a config, a manifest, and what a fresh run would make first."""
    for name in ("small.yaml", "small.tsv"):
        (tmp_path / name).write_text((tiny.root / name).read_text())
    return tmp_path


def test_in_an_empty_folder_the_demo_is_planned(tiny, tmp_path):
    plan = started(tmp_path, "-s", tiny.root / "Snakefile", "-n")
    assert "make_demo_video" in plan
    assert list(tmp_path.iterdir()) == [tmp_path / ".snakemake"]


@pytest.mark.slow
def test_a_run_in_another_folder_is_the_same(tiny, elsewhere, tmp_path):
    code = ("-s", tiny.root / "Snakefile", "-d", elsewhere)
    started(Path("/"), *code, "--configfile", elsewhere / "small.yaml", "--cores", 2)
    assert fingerprint(Project(elsewhere).results) == fingerprint(tiny.results)


def test_another_workflow_plans_it_as_a_module(tiny, elsewhere):
    (elsewhere / "Snakefile").write_text(MODULE.format(snakefile=tiny.root / "Snakefile"))
    plan = started(elsewhere, "--configfile", "small.yaml", "-n")
    jobs = [line.split() for line in plan.splitlines() if line.startswith("deepfake_")]
    assert ["deepfake_crop_faces", "6"] in jobs
    assert ["deepfake_record_run", "1"] in jobs


@pytest.mark.slow
def test_a_run_as_a_module_is_the_same(tiny, elsewhere):
    (elsewhere / "Snakefile").write_text(MODULE.format(snakefile=tiny.root / "Snakefile"))
    started(elsewhere, "--configfile", "small.yaml", "--cores", 2)
    mine, same = (read_record(p.results / "run.json") for p in (Project(elsewhere), tiny))
    assert mine["reproducible"] == same["reproducible"]
    assert mine["measured"]["cost"].keys() == same["measured"]["cost"].keys()

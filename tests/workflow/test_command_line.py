"""The three ways of use as typed, and what a user sees who got something wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.projects import ROOT, copy_project, quiet_environment
from tests.starter import run_snakemake
from workflow_scripts.lib.data.manifest import read_manifest

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))


def typed(*arguments, cwd):
    """Start snakemake as a shell does."""
    return subprocess.run(
        [SNAKEMAKE, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=quiet_environment(),
    )


def snakemake(*arguments, cwd):
    """The same, without its start."""
    return run_snakemake([SNAKEMAKE, *arguments], cwd)


@pytest.fixture
def fresh(tmp_path):
    """A fresh copy of the project, where nothing has run yet."""
    return copy_project(tmp_path / "project").root


def test_a_bare_dry_run_plans_the_demo(fresh):
    ended = typed("-n", cwd=fresh)
    assert ended.returncode == 0, ended.stderr
    n_videos = len(read_manifest(ROOT / "config/demo.tsv"))
    for rule in ("make_demo_video", "sample_frames", "crop_faces"):
        assert re.search(rf"^{rule} +{n_videos}$", ended.stdout, re.MULTILINE)
    assert not (fresh / "results").exists()


def test_rulegraph_is_a_graph(fresh):
    ended = snakemake("--rulegraph", cwd=fresh)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("digraph")
    for rule in ("sample_frames", "crop_faces", "build_store", "train_model", "leaderboard"):
        assert rule in ended.stdout


@pytest.mark.parametrize(
    "name",
    [
        # the study's have large grids
        pytest.param(path.name, marks=pytest.mark.slow if "study" in path.name else ())
        for path in sorted((ROOT / "config").glob("*.yaml"))
    ],
)
def test_every_shipped_config_plans(fresh, name):
    config = yaml.safe_load((fresh / "config" / name).read_text())
    manifest = fresh / config["manifest"]
    if not manifest.exists():  # the user's own videos: two that are not there will do
        manifest.write_text("video_id\tpath\tlabel\nr\tr.mp4\treal\nf\tf.mp4\tfake\n")
    for part in config.get("join_runs", []):  # finished runs, which a plan only looks at
        for file in ("quality.tsv", "store.json"):
            (fresh / part / file).parent.mkdir(parents=True, exist_ok=True)
            (fresh / part / file).touch()
    ended = snakemake("-n", "--configfile", f"config/{name}", cwd=fresh)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    jobs = len(config["splits"]["protocols"]) * len(config["experiments"])
    assert re.search(rf"^evaluate_model +{jobs}$", ended.stdout, re.MULTILINE)


def test_a_runs_file_inherits_nothing_from_the_demo(fresh):
    (fresh / "mine.yaml").write_text("run: mine\nmanifest: config/demo.tsv\n")
    ended = snakemake("-n", "--configfile", "mine.yaml", cwd=fresh)
    assert ended.returncode == 0, ended.stderr
    # the default has one protocol and one experiment; the demo has more of both
    assert re.search(r"^evaluate_model +1$", ended.stdout, re.MULTILINE)
    assert "results/demo" not in ended.stdout


@pytest.mark.parametrize(("value", "name"), [("other", "other"), ("!!str 2026", "2026")])
def test_single_values_can_be_set(fresh, value, name):
    ended = snakemake("-n", "--config", f"run={value}", cwd=fresh)
    assert ended.returncode == 0, ended.stderr
    assert f"results/{name}/leaderboard.tsv" in ended.stdout


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("run: mine\n", "'manifest' is a required property"),
        ("run: mine\nmanifest: none.tsv\n", "The manifest none.tsv does not exist"),
        ("run: mine\nmanifest: bad.tsv\n", "Line 2, column label: 'maybe' is not allowed"),
        (
            "run: mine\nmanifest: config/demo.tsv\nfaces: {size: 9}\n",
            "faces.size: 9 is not allowed",
        ),
        ("run: mine\nmanifest: config/demo.tsv\nfces: {}\n", "unknown key 'fces'"),
    ],
)
def test_mistakes_are_explained_without_a_traceback(fresh, config, message):
    (fresh / "bad.tsv").write_text("video_id\tpath\tlabel\na\ta.mp4\tmaybe\n")
    (fresh / "mine.yaml").write_text(config)
    ended = snakemake("-n", "--configfile", "mine.yaml", cwd=fresh)
    assert ended.returncode == 1
    output = ended.stdout + ended.stderr
    assert message in output
    assert "Traceback" not in output


def test_a_snakemake_that_lacks_the_projects_packages_says_which_one_to_take(fresh):
    module = fresh / "workflow_scripts/lib/config.py"
    text = module.read_text().replace("import yaml\n", "import yaml\nimport of_the_project\n")
    module.write_text(text)
    ended = snakemake("-n", cwd=fresh)
    assert ended.returncode == 1
    said = ended.stdout + ended.stderr
    assert "not installed here (No module named 'of_the_project'). Run" in said
    assert "`source .venv/bin/activate`" in said
    assert "Traceback" not in said


def test_a_profile_of_ones_own_is_not_overruled(fresh):
    (fresh / "mine").mkdir()
    (fresh / "mine/config.yaml").write_text("cores: 1\n")
    ended = typed("--profile", "mine", "resources/detector/pnet.onnx", cwd=fresh)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^Provided cores: 1\b", ended.stderr, re.MULTILINE)

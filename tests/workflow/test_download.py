"""`fetch_filelist` and `snakemake download`, as typed, against a server on this machine."""

import json
import subprocess
import sys
from functools import partial

import pytest

from tests.servers import drop, give, mp4, say, serving
from tests.workflow.conftest import copy_project
from workflow_scripts.lib.manifest import read_manifest

PLACES = {
    "original_sequences/youtube": ("000", "003"),
    "manipulated_sequences/Deepfakes": ("000_003", "003_000"),
}
VIDEOS = {
    f"/v3/{place}/c23/videos/{name}.mp4": mp4(90_000, name.encode())
    for place, names in PLACES.items()
    for name in names
}
FILES = {**VIDEOS, "/v3/misc/filelist.json": json.dumps([["000", "003"]]).encode()}


@pytest.fixture
def project(tmp_path):
    return copy_project(tmp_path / "project")


def fetch_list(project, server):
    project.configure(run="small", manifest="ff.tsv", download={"server": server.url})
    command = [sys.executable, "-m", "workflow_scripts.fetch_filelist", "small.yaml"]
    subprocess.run(command, cwd=project.root, check=True)


def on_disk(project):
    folder = project.root / "resources/faceforensics"
    return {f"/v3/{p.relative_to(folder)}": p.read_bytes() for p in folder.rglob("*.mp4")}


def test_all_is_fetched_once_and_what_is_lost_again(project):
    with serving(FILES) as server:
        fetch_list(project, server)
        server.plan = [drop, partial(say, status=503), give]
        project.snakemake("download")
        assert on_disk(project) == VIDEOS
        assert not list(project.root.rglob("*.part*"))

        asked = len(server.seen)
        script = project.root / "workflow_scripts/download_video.py"
        script.write_text(f"{script.read_text()}# edited\n")
        project.snakemake("download")
        assert len(server.seen) == asked
        assert on_disk(project) == VIDEOS

        lost = next(project.root.rglob("003_000.mp4"))
        lost.unlink()
        ended = project.snakemake("download", check=False)
        assert ended.returncode == 1
        assert "1 of 4 videos" in ended.stderr
        assert "Start the same command again" in ended.stderr
        project.snakemake("download")
        assert len(server.seen) == asked + 1
        assert on_disk(project) == VIDEOS


def test_one_that_fails_does_not_keep_the_others(project):
    gone = list(VIDEOS)[1]
    with serving({name: FILES[name] for name in FILES if name != gone}) as server:
        fetch_list(project, server)
        ended = project.snakemake("download", check=False)
    assert ended.returncode == 1
    assert "answers 404" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert on_disk(project) == {name: VIDEOS[name] for name in VIDEOS if name != gone}


def test_a_run_never_downloads(project):
    with serving(FILES) as server:
        fetch_list(project, server)
        asked = len(server.seen)
        planned = project.planned()
        assert planned["sample_frames"] == len(read_manifest(project.root / "ff.tsv"))
        assert not {"download", "download_video"} & planned.keys()
        project.snakemake("download")
        assert not {"download", "download_video"} & project.planned().keys()
        assert len(server.seen) == asked + len(VIDEOS)


@pytest.mark.parametrize(
    ("server", "message"),
    [(None, "download.server is empty"), ("http://localhost", "No video of the manifest lies in")],
)
def test_it_says_what_is_missing(project, server, message):
    project.configure(run="small", manifest="config/demo.tsv", download={"server": server})
    ended = project.snakemake("download", check=False)
    assert ended.returncode == 1
    assert message in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr

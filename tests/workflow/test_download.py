"""`deepfake filelist` and `snakemake download`, as typed, against a server on this machine."""

import json
import subprocess
from functools import partial

import pytest

from tests.command_line import DEEPFAKE
from tests.projects import copy_project
from tests.servers import drop, give, mp4, say, serving
from workflow_scripts.lib.data.manifest import read_manifest

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
    command = [*DEEPFAKE, "filelist", "small.yaml"]
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
        script = project.root / "workflow_scripts/data/download_video.py"
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


@pytest.mark.slow
def test_nothing_is_written_outside_of_the_folder(project):
    with serving(FILES) as server:
        fetch_list(project, server)
        climbs = "resources/faceforensics/../../evil/x.mp4"
        with (project.root / "ff.tsv").open("a") as table:
            table.write(f"evil\t{climbs}\treal\n")
        for target in ("download", "resources/faceforensics/receipts/evil.json"):
            ended = project.snakemake(target, check=False)
            said = ended.stdout + ended.stderr
            assert ended.returncode == 1
            assert "no '..' behind that" in said
            assert "Traceback" not in said
        assert on_disk(project) == VIDEOS, "the others were kept"
        assert not [path for path, _ in server.seen if "evil" in path]
    assert not list(project.root.rglob("x.mp4*"))


def test_downloads_stand_alone(project):
    with serving(FILES) as server:
        fetch_list(project, server)
        asked = len(server.seen)
        ended = project.snakemake("download", "all", check=False)
        assert ended.returncode == 1
        assert "Run `snakemake download` first" in ended.stdout + ended.stderr
        assert len(server.seen) == asked
    assert not list(project.root.rglob("*.mp4"))
    assert not (project.root / "results/small/quality.tsv").exists()


def test_a_file_in_two_rows_is_not_written_twice_at_once(project):
    with serving(FILES) as server:
        fetch_list(project, server)
        asked = len(server.seen)
        table = project.root / "ff.tsv"
        first = table.read_text().splitlines()[1]
        again = first.replace("original", "again", 1).replace("/c23/", "//c23/./")
        table.write_text(f"{table.read_text()}{again}\n")
        ended = project.snakemake("download", check=False)
        assert ended.returncode == 1
        assert "1 files in more than one row" in ended.stdout + ended.stderr
        assert len(server.seen) == asked


def test_without_a_manifest_the_command_that_makes_it_is_named(project):
    project.configure(run="small", manifest="ff.tsv", download={"server": "http://localhost"})
    ended = project.snakemake("download", check=False)
    assert ended.returncode == 1
    assert "`deepfake filelist CONFIG`" in ended.stdout + ended.stderr


def test_a_receipt_is_a_download_too(project):
    with serving(FILES) as server:
        fetch_list(project, server)
    project.configure(download={"server": None})
    receipt = "resources/faceforensics/receipts/original_c23_000.json"
    ended = project.snakemake(receipt, check=False)
    assert ended.returncode == 1
    assert "download.server is empty" in ended.stdout + ended.stderr


def test_one_that_fails_does_not_keep_the_others(project):
    gone = list(VIDEOS)[1]
    with serving({name: FILES[name] for name in FILES if name != gone}) as server:
        fetch_list(project, server)
        ended = project.snakemake("download", check=False)
    assert ended.returncode == 1
    assert "answers 404" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert on_disk(project) == {name: VIDEOS[name] for name in VIDEOS if name != gone}


@pytest.mark.slow
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
    [(None, "download.server is empty"), ("http://localhost", "No video of the manifest is in")],
)
def test_it_says_what_is_missing(project, server, message):
    project.configure(run="small", manifest="config/demo.tsv", download={"server": server})
    ended = project.snakemake("download", check=False)
    assert ended.returncode == 1
    assert message in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr

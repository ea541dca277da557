"""Two runs that share videos work on them once, and never take a face that is out of date."""

import json
import shutil

import pytest

from tests.projects import fingerprint, small_project
from workflow_scripts.lib.common.files import stamp
from workflow_scripts.lib.data.manifest import Video, write_manifest

TAKEN = "taken from the cache"


@pytest.fixture(scope="module")
def filled(tmp_path_factory, finished, videos):
    """A cache that a run on four videos has filled."""
    cache = tmp_path_factory.mktemp("cache")
    first = project(tmp_path_factory.mktemp("first") / "project", finished, videos[:4], cache)
    faces(first)
    assert len(list(cache.glob("*/*.zip"))) == 4
    return cache


def project(target, finished, videos, cache):
    made = small_project(target, videos)
    shutil.copytree(finished.root / "resources", made.root / "resources")
    made.configure(face_cache=str(cache))
    return made


def faces(made):
    """Run up to the faces; the logs of the jobs that found them."""
    made.snakemake("--until", "crop_faces")
    return {log.stem: log for log in made.results.glob("logs/crop_faces/*.log")}


def test_a_video_under_another_name_is_worked_on_once(filled, finished, videos, tmp_path):
    moved = tmp_path / "moved.mp4"
    shutil.copyfile(videos[0].path, moved)
    rows = [Video("other", str(moved), "real"), *videos[1:6]]
    second = project(tmp_path / "project", finished, rows, filled)
    logs = faces(second)
    taken = {name for name, log in logs.items() if TAKEN in log.read_text()}
    assert taken == {"other", *(video.video_id for video in videos[1:4])}

    wanted = fingerprint(finished.results)
    got = {n: c for n, c in fingerprint(second.results).items() if n.startswith("faces/")}
    assert all(wanted[name] == code for name, code in got.items() if "other" not in name)
    statuses = (second.results / "faces/other.json", finished.results / "faces/real0.json")
    renamed, right = (json.loads(path.read_text()) for path in statuses)
    assert renamed["made_from"]["stamp"] == stamp(moved)
    assert {**renamed, "video_id": "real0", "made_from": right["made_from"]} == right


@pytest.mark.parametrize("edit", ["setting", "module", "video"])
def test_nothing_out_of_date_is_taken(filled, finished, videos, tmp_path, edit):
    made = project(tmp_path / "project", finished, videos[:2], filled)
    if edit == "setting":
        made.configure(faces={"size": 64, "scale": 1.1})
    elif edit == "module":
        module = made.root / "workflow_scripts/lib/faces/crops.py"
        module.write_text(module.read_text() + "\n# edited\n")
    else:
        changed = tmp_path / "changed.mp4"
        shutil.copyfile(videos[1].path, changed)
        with changed.open("ab") as stream:
            stream.write(b"\0\0\0\x0cfree1234")
        write_manifest(made.root / "small.tsv", [Video("real0", str(changed), "real"), videos[1]])
    made.snakemake("results/small/faces/real0.json")
    assert TAKEN not in (made.results / "logs/crop_faces/real0.log").read_text()


def test_switching_it_on_repeats_nothing(copy, tmp_path):
    copy.configure(face_cache=str(tmp_path / "cache"))
    assert "Nothing to be done" in copy.snakemake().stderr

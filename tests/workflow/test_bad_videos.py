"""Bad videos end in their status, and the run goes on; too many of them stop it."""

import csv
import json
from dataclasses import replace

import pytest

from tests.clips import LIMITS, ODD_CLIPS, write_face_clip
from tests.projects import few_of, tiny_project
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.faces.status import VideoStatus

ODD_NAMES = [
    *(
        "a b.mp4",
        "'\"`$(touch x)&;.mp4",
        "-i.mp4",
        "映像 é.mp4",
        "%03d*?[a].mp4",
        "x" * 240 + ".mp4",
    ),
    *("~.mp4", "\\n.mp4", "#!.mp4", "no suffix"),
]
USABLE = {VideoStatus.OK, VideoStatus.PARTIAL, VideoStatus.TOO_SHORT}


@pytest.fixture(scope="module")
def odd_run(tmp_path_factory, videos):
    """A run over every kind of odd clip, besides the good ones, that accepts the losses."""
    folder = tmp_path_factory.mktemp("odd")
    rows = few_of(videos)
    for number, (name, clip) in enumerate(ODD_CLIPS.items()):
        path = folder / f"{name}.mp4"
        clip.make(path)
        rows.append(Video(name, str(path), ("real", "fake")[number % 2]))
    for number, name in enumerate(ODD_NAMES):
        path = folder / name
        write_face_clip(path)
        rows.append(Video(f"name{number}", str(path), ("real", "fake")[number % 2]))
    project = tiny_project(folder / "project", rows)
    project.configure(sampling=LIMITS, quality={"max_rejected_fraction": 0.6})
    project.snakemake()
    return project


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD_CLIPS)
def test_ends_in_its_status(odd_run, name):
    clip = ODD_CLIPS[name]
    status = json.loads((odd_run.results / f"faces/{name}.json").read_text())
    assert status["status"] == clip.final, status["detail"]
    assert status["frames_sampled"] == clip.frames
    assert (status["crops"] > 0) == (clip.final in USABLE)
    assert bool(status["detail"]) == (clip.final != VideoStatus.OK)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(ODD_NAMES)))
def test_names_do_not_matter(odd_run, number):
    status = json.loads((odd_run.results / f"faces/name{number}.json").read_text())
    assert status["status"] == VideoStatus.OK, status["detail"]
    assert not list(odd_run.root.rglob("x"))  # nothing in a name was run


@pytest.mark.slow
def test_the_run_goes_on(odd_run):
    with (odd_run.results / "quality.tsv").open(newline="") as lines:
        rows = {row["video_id"]: row for row in csv.DictReader(lines, delimiter="\t")}
    for name, clip in ODD_CLIPS.items():
        assert rows[name]["status"] == clip.final
    assert (odd_run.results / "leaderboard.tsv").is_file()


@pytest.mark.slow
def test_too_many_stop_the_run_with_a_message(videos, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("text")
    bad = replace(videos[0], path=str(text))
    project = tiny_project(tmp_path / "project", [bad, *few_of(videos)[1:]])
    project.configure(quality={"max_rejected_fraction": 0.1})
    ended = project.snakemake(check=False)
    assert ended.returncode == 1
    output = ended.stdout + ended.stderr
    assert "quality.max_rejected_fraction = 0.1 allows" in output
    assert "results/small/quality.tsv" in output
    assert "Traceback" not in output
    assert (project.results / "quality.tsv").is_file()
    project.configure(quality={"max_rejected_fraction": 0.2})
    project.snakemake("--until", "build_store")
    assert (project.results / "store.json").is_file()

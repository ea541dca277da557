"""Nothing is computed twice: an edit re-runs what it concerns, and only that."""

import json
import os
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest

from tests.clips import write_clip
from tests.projects import SMALL_FOREST, SMALL_TREES, few_of, forged, person, tiny_project
from workflow_scripts.lib.data.manifest import Video, write_manifest

PER_VIDEO = {"sample_frames", "crop_faces"}


def append(project, name):
    path = project.root / "workflow_scripts" / name
    path.write_text(path.read_text() + "\n# edited\n")


def test_an_edited_row_leaves_the_videos_alone(copy, videos):
    rows = [replace(video, method="swap") if video.label == "fake" else video for video in videos]
    write_manifest(copy.root / "small.tsv", rows)
    planned = copy.planned()
    assert not PER_VIDEO & planned.keys()
    assert planned["build_store"] == 1
    assert planned["train_model"] == 4


def test_a_new_row_runs_that_video_only(copy, videos):
    rows = [*videos, replace(videos[0], video_id="again")]
    write_manifest(copy.root / "small.tsv", rows)
    planned = copy.planned()
    assert planned["sample_frames"] == planned["crop_faces"] == planned["build_store"] == 1


def test_another_file_for_a_row_runs_that_video_only(copy, videos):
    rows = [replace(videos[0], path=videos[1].path), *videos[1:]]
    write_manifest(copy.root / "small.tsv", rows)
    planned = copy.planned()
    assert planned["sample_frames"] == planned["crop_faces"] == 1


def test_a_changed_video_runs_that_video_only_whatever_the_clocks_say(copy, videos, tmp_path):
    mine = tmp_path / "mine.mp4"
    write_clip(mine, [person(0)] * 185)
    tomorrow = time.time() + 24 * 3600
    os.utime(mine, (tomorrow, tomorrow))
    write_manifest(copy.root / "small.tsv", [replace(videos[0], path=str(mine)), *videos[1:]])
    os.utime(copy.root / "small.tsv", (tomorrow, tomorrow))
    copy.snakemake("--until", "quality_table")
    assert not {*PER_VIDEO, "quality_table"} & copy.planned().keys()
    write_clip(mine, [forged(person(0))] * 185)
    os.utime(mine, (1e9, 1e9))
    planned = copy.planned()
    assert planned["sample_frames"] == planned["crop_faces"] == 1


def test_code_of_another_time_runs_nothing(copy):
    for path in (copy.root / "workflow_scripts/lib").rglob("*.py"):
        os.utime(path)
    for path in (copy.root / "report/templates").iterdir():
        os.utime(path)
    assert "Nothing to be done" in copy.snakemake("-n").stdout


def test_a_limit_on_what_may_be_lost_makes_nothing_anew(copy):
    copy.configure(quality={"max_rejected_fraction": 0.5})
    assert copy.planned().keys() == {"record_run", "all"}


@pytest.mark.slow
def test_only_what_a_limit_stopped_is_tried_again_and_once(videos, tmp_path):
    slow = tmp_path / "slow.mp4"
    write_clip(slow, [np.full((2160, 3840, 3), 90, np.uint8)] * 7)
    rows = [*few_of(videos), Video("slow", str(slow), "real")]
    project = tiny_project(tmp_path / "project", rows)
    little = {"stride": 1, "max_memory_mb": 100}
    project.configure(sampling=little, quality={"max_rejected_fraction": 0.5})
    project.snakemake("--until", "build_store")
    status = project.results / "faces/slow.json"
    assert json.loads(status.read_text())["status"] == "too_costly"
    marker = (project.results / "store.json").read_bytes()
    for enough in (110, 1000):  # the first is not
        project.configure(sampling={**little, "max_memory_mb": enough})
        assert project.planned("--until", "build_store")["sample_frames"] == 1
        project.snakemake("--until", "build_store")
        assert not PER_VIDEO & project.planned("--until", "build_store").keys()
    assert json.loads(status.read_text())["status"] == "no_face"
    project.configure(sampling={**little, "max_seconds": 500})
    assert not PER_VIDEO & project.planned("--until", "build_store").keys()
    assert (project.results / "store.json").read_bytes() == marker


def test_an_edited_module_runs_what_imports_it(copy):
    append(copy, "lib/training/splits.py")
    planned = copy.planned()
    assert not (PER_VIDEO | {"build_store", "quality_table"}) & planned.keys()
    assert planned["split_videos"] == 2
    assert planned["train_model"] == 4
    assert planned["evaluate_model"] == 4


def test_an_edited_face_module_spares_the_sampling_of_nothing(copy, videos):
    append(copy, "lib/faces/crops.py")
    planned = copy.planned()
    # the frames were temporary, so they have to be sampled again for the faces
    assert planned["crop_faces"] == planned["sample_frames"] == len(videos)
    assert "export_detector" not in planned


def test_an_edited_script_runs_its_rule(copy):
    append(copy, "report/plot_curves.py")
    assert copy.planned() == {"plot_curves": 2, "record_run": 1, "all": 1}


def test_another_margin_cuts_again_and_another_seed_only_splits(copy, videos):
    copy.configure(seed=2)
    planned = copy.planned()
    assert not PER_VIDEO & planned.keys()
    assert planned["split_videos"] == 2
    copy.configure(faces={"size": 64, "scale": 1.0})
    assert copy.planned()["crop_faces"] == len(videos)


def test_one_more_experiment_trains_only_that(copy):
    more = {**SMALL_TREES, "model": "random_forest"}
    copy.configure(experiments={"forest": SMALL_FOREST, "spectrum": SMALL_TREES, "more": more})
    planned = copy.planned()
    assert planned["train_model"] == planned["evaluate_model"] == 2
    assert planned["fit_fold"] == 4  # 2 protocols, 2 folds
    kept = {"build_store", "split_videos", "extract_features"}
    assert not (PER_VIDEO | kept) & planned.keys()


@pytest.mark.slow
def test_a_longer_grid_tries_only_what_is_new(tiny_copy):
    def ask_for(depths):
        grid = {"max_depth": depths}
        tiny_copy.configure(experiments={"spectrum": {**SMALL_TREES, "grid": grid}})

    ask_for([2, 3])
    tiny_copy.snakemake("--until", "fit_fold")
    ask_for([1, 2, 3])
    assert tiny_copy.planned("--until", "fit_fold")["fit_fold"] == 2  # folds


@pytest.mark.slow
def test_a_store_that_was_rebuilt_alone_is_seen_as_changed(tiny_copy):
    tiny_copy.configure(faces={"size": 64, "scale": 1.0})
    tiny_copy.snakemake("results/small/store.json")
    planned = tiny_copy.planned()
    assert planned["split_videos"] == planned["train_model"] == planned["evaluate_model"] == 1
    assert "crop_faces" not in planned


def test_a_disk_that_went_away_costs_nothing(copy, videos):
    rows = [replace(video, path=f"{video.path}.gone") for video in videos]
    write_manifest(copy.root / "small.tsv", rows)
    copy.configure(quality={"max_rejected_fraction": 0.99})
    before = {path: path.read_bytes() for path in copy.results.glob("faces/*")}
    ended = copy.snakemake(check=False)
    assert ended.returncode != 0
    said = ended.stdout + ended.stderr
    assert f"{len(videos)} videos are needed again" in said
    assert "Is the disk mounted" in said
    assert {path: path.read_bytes() for path in copy.results.glob("faces/*")} == before


def test_a_run_goes_on_with_finished_faces_while_the_disk_is_away(tiny, tmp_path, videos):
    folder = tmp_path / "disk"
    folder.mkdir()
    rows = [replace(v, path=shutil.copy2(v.path, folder)) for v in few_of(videos)]
    project = tiny_project(tmp_path / "project", rows)
    project.snakemake("--until", "crop_faces")
    before = {path: path.read_bytes() for path in project.results.glob("faces/*")}
    folder.rename(tmp_path / "away")
    write_manifest(
        project.root / "small.tsv", [*rows, replace(rows[0], video_id="new", path="new.mp4")]
    )
    project.configure(quality={"max_rejected_fraction": 0.2})
    ended = project.snakemake("--until", "build_store")
    assert f"{len(rows)} of {len(rows) + 1} videos are missing" in ended.stderr
    assert json.loads((project.results / "faces/new.json").read_text())["status"] == "missing"
    write_manifest(project.root / "small.tsv", rows)
    project.snakemake("--until", "build_store")
    assert {path: path.read_bytes() for path in before} == before
    stores = [folder / "store.json" for folder in (project.results, tiny.results)]
    assert stores[0].read_bytes() == stores[1].read_bytes()

    append(project, "lib/faces/crops.py")
    ended = project.snakemake(check=False)
    assert ended.returncode != 0
    assert f"{len(rows)} videos are needed again" in ended.stdout + ended.stderr
    assert {path: path.read_bytes() for path in before} == before


def test_a_store_that_cannot_be_built_leaves_the_old_one(tiny_copy, videos):
    before = {p: p.read_bytes() for p in tiny_copy.results.rglob("*.zarr/**/*") if p.is_file()}
    faces = tiny_copy.results / f"faces/{few_of(videos)[0].video_id}.npz"
    faces.write_bytes(faces.read_bytes()[:-100])
    ended = tiny_copy.snakemake("results/small/store.json", check=False)
    assert ended.returncode != 0
    assert "are damaged" in ended.stdout + ended.stderr
    assert {p: p.read_bytes() for p in before} == before

"""Nothing is computed twice: an edit re-runs what it concerns, and only that."""

from dataclasses import replace

from tests.clips import write_clip
from tests.projects import SMALL_FOREST, SMALL_TREES, forged, person
from workflow_scripts.lib.manifest import write_manifest

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
    assert planned["train_model"] == planned["merge_forest"] == 2


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


def test_a_changed_video_runs_that_video_only(copy, videos, tmp_path):
    mine = tmp_path / "mine.mp4"
    write_clip(mine, [person(0)] * 185)
    write_manifest(copy.root / "small.tsv", [replace(videos[0], path=str(mine)), *videos[1:]])
    copy.snakemake("--until", "crop_faces")
    write_clip(mine, [forged(person(0))] * 185)
    planned = copy.planned()
    assert planned["sample_frames"] == planned["crop_faces"] == 1


def test_an_edited_module_runs_what_imports_it(copy):
    append(copy, "lib/splits.py")
    planned = copy.planned()
    assert not (PER_VIDEO | {"build_store", "quality_table"}) & planned.keys()
    assert planned["split_videos"] == 2
    assert planned["train_model"] == planned["merge_forest"] == 2
    assert planned["evaluate_model"] == 4


def test_an_edited_face_module_spares_the_sampling_of_nothing(copy, videos):
    append(copy, "lib/faces.py")
    planned = copy.planned()
    # the frames were temporary, so they have to be sampled again for the faces
    assert planned["crop_faces"] == planned["sample_frames"] == len(videos)
    assert "export_detector" not in planned


def test_an_edited_script_runs_its_rule(copy):
    append(copy, "plot_curves.py")
    assert copy.planned() == {"plot_curves": 2, "record_run": 1, "all": 1}


def test_another_margin_cuts_again_and_another_seed_only_splits(copy, videos):
    copy.configure(seed=2)
    planned = copy.planned()
    assert not PER_VIDEO & planned.keys()
    assert planned["split_videos"] == 2
    copy.configure(faces={"size": 64, "margin": 1.0})
    assert copy.planned()["crop_faces"] == len(videos)


def test_one_more_experiment_trains_only_that(copy):
    more = {**SMALL_TREES, "model": "random_forest"}
    copy.configure(experiments={"forest": SMALL_FOREST, "spectrum": SMALL_TREES, "more": more})
    planned = copy.planned()
    assert planned["train_model"] == planned["evaluate_model"] == 2
    assert planned["fit_fold"] == 4  # 2 protocols, 2 folds
    kept = {"build_store", "split_videos", "extract_features", "train_forest_shard"}
    assert not (PER_VIDEO | kept) & planned.keys()


def test_a_longer_grid_tries_only_what_is_new(tiny_copy):
    def ask_for(depths):
        grid = {"max_depth": depths}
        tiny_copy.configure(experiments={"spectrum": {**SMALL_TREES, "grid": grid}})

    ask_for([2, 3])
    tiny_copy.snakemake("--until", "fit_fold")
    ask_for([1, 2, 3])
    assert tiny_copy.planned("--until", "fit_fold")["fit_fold"] == 2  # folds


def test_a_store_that_was_rebuilt_alone_is_seen_as_changed(tiny_copy):
    tiny_copy.configure(faces={"size": 64, "margin": 1.0})
    tiny_copy.snakemake("results/small/store.zarr/zarr.json")
    planned = tiny_copy.planned()
    assert planned["split_videos"] == planned["train_model"] == planned["evaluate_model"] == 1
    assert "crop_faces" not in planned


def test_a_disk_that_went_away_costs_nothing(copy, videos):
    rows = [replace(video, path=f"{video.path}.gone") for video in videos]
    write_manifest(copy.root / "small.tsv", rows)
    before = {path: path.read_bytes() for path in copy.results.glob("faces/*")}
    ended = copy.snakemake(check=False)
    assert ended.returncode != 0
    assert "Is the disk mounted" in ended.stdout + ended.stderr
    assert {path: path.read_bytes() for path in copy.results.glob("faces/*")} == before

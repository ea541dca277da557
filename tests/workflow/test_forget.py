"""Somebody is forgotten: no crop is left in run, store or cache; the next run never had them."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.command_line import DEEPFAKE
from tests.projects import SMALL_TREES, fingerprint, small_project
from workflow_scripts.lib.data.manifest import read_manifest, write_manifest
from workflow_scripts.lib.faces.cache import entry_key, entry_path, write_entry
from workflow_scripts.lib.store.zarr_store import StoredVideos

GONE = ["fake0", "fake1", "real0"]  # who shows p0: as target, as source, and as themselves
# few people are left, so frames are divided
SETTINGS = {"splits": {"protocols": ["frame"], "test_fraction": 0.34},
            "experiments": {"spectrum": SMALL_TREES}, "learning_curve": {}}  # fmt: skip


def forget(project, *arguments):
    """Run the command in a project; its status, and what it printed."""
    ended = subprocess.run(
        [*DEEPFAKE, "forget", "small.yaml", *arguments],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def crops_of(project, names):
    """The crops of videos, each as bytes."""
    found = set()
    for name in names:
        with np.load(project.results / f"faces/{name}.npz", allow_pickle=False) as saved:
            found |= {crop.tobytes() for crop in saved["crops"]}
    return found


def crops_below(folder: Path):
    """All crops that are stored below a folder, decoded, each as bytes."""
    found = set()
    for path in folder.rglob("crops/zarr.json"):
        found |= {crop.tobytes() for crop in zarr.open_array(path.parent, mode="r")[...]}
    for path in folder.rglob("*.npz"):
        with np.load(path, allow_pickle=False) as saved:
            found |= {crop.tobytes() for crop in saved.get("crops", [])}
    return found


def fill_cache(cache, finished, videos):
    """Entries of each video under two settings, as `crop_faces` adds them, and half of one that a
    killed writer has left."""
    for video in videos:
        crops = (finished.results / f"faces/{video.video_id}.npz").read_bytes()
        for margin in (1, 2):
            key = entry_key(Path(video.path), {"faces": {"scale": margin}}, "")
            write_entry(entry_path(cache, key), {"crops": crops, "status": b"{}"})
        entry_path(cache, key).with_name(f".{key}.zip.5f5e5bb3.partial").write_bytes(crops)


@pytest.mark.slow
def test_no_crop_is_left_and_the_next_run_never_had_them(copy, finished, videos, tmp_path):
    cache = tmp_path / "cache"
    fill_cache(cache, finished, videos)
    copy.configure(face_cache=str(cache))
    copy.snakemake("results/small/models/frame/spectrum/bundle.zip")
    wanted = crops_of(copy, GONE)
    assert wanted <= crops_below(copy.root)
    others = {path: path.stat().st_mtime_ns for path in copy.results.glob("faces/*")}
    others = {path: time for path, time in others.items() if path.stem not in GONE}

    status, said = forget(copy, "--person", "p0")
    assert status == 0, said
    assert not wanted & crops_below(copy.root)
    raw = [path.read_bytes() for path in copy.root.rglob("*") if path.is_file()]
    assert not any(crop in content for crop in wanted for content in raw)
    assert not [path for path in copy.results.rglob("*") if path.stem in GONE]
    assert {path.name for path in copy.results.iterdir()} == {
        ".lock",
        "faces",
        "logs",
        "store.json",
        "store.zarr",
    }
    assert not set(GONE) & set(StoredVideos(copy.results / "store.zarr").names)
    kept = [video for video in videos if video.video_id not in GONE]
    assert len(list(cache.rglob("*.zip"))) == 2 * len(kept)
    assert len(list(cache.rglob(".*.partial"))) == len(kept)
    assert list(read_manifest(copy.root / "small.tsv").values()) == kept

    copy.configure(**SETTINGS)
    copy.snakemake()
    assert {path: path.stat().st_mtime_ns for path in others} == others, "faces were found again"
    never = small_project(tmp_path / "never", kept)
    never.configure(**SETTINGS)
    never.snakemake()
    assert fingerprint(copy.results) == fingerprint(never.results)


def test_a_dry_run_lists_and_leaves_everything(copy):
    before = fingerprint(copy.root)
    status, said = forget(copy, "--person", "p0", "--dry-run")
    assert status == 0
    assert fingerprint(copy.root) == before
    for name in GONE:
        assert f"results/small/faces/{name}.npz" in said
        assert name in said.partition("Would be deleted:")[0]
    assert "Deleted:" not in said
    for what in ("results/small/models: ", "results/small/store.zarr: ", "small.tsv: their rows"):
        assert what in said
    assert "real 0.mp4: the video itself" in said


def test_another_run_that_has_the_video_is_told(copy):
    other = copy.results.with_name("other")
    (other / "faces").mkdir(parents=True)
    (other / "faces/real0.npz").touch()
    status, said = forget(copy, "--video", "real0")
    assert status == 0
    assert "results/other has videos of these names" in said
    status, said = forget(copy, "--video", "real0")
    assert status == 1
    assert "there is no video 'real0'" in said


def test_the_last_videos_can_be_forgotten_and_an_unfinished_download_is_named(copy, videos):
    part = copy.root / "real 0.mp4.part"
    part.touch()
    rows = [replace(videos[0], path=part.name.removesuffix(".part")), *videos[1:]]
    write_manifest(copy.root / "small.tsv", rows)
    status, said = forget(copy, *(f"--video={video.video_id}" for video in rows))
    assert status == 0, said
    assert {path.name for path in copy.results.rglob("*")} == {".lock"}
    assert f"- {part.name}: the video itself" in said
    assert "Next: add videos to the manifest; none is left." in said
    assert part.exists()


def test_a_killed_command_is_repeated_as_it_was(copy):
    (copy.results / "faces/real0.npz").unlink()  # as far as it had come
    (copy.results / "store.zarr/zarr.json").unlink()
    status, said = forget(copy, "--video", "real0")
    assert status == 0, said
    assert not (copy.results / "store.zarr").exists()
    assert "real0" not in read_manifest(copy.root / "small.tsv")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--video", "nobody"], "no video"),
        (["--video", "real*"], "no video"),
        (["--person", "nobody"], "there is no 'nobody'"),
        ([], "nothing selected"),
    ],
)
def test_who_is_unknown_is_told_and_nothing_deleted(copy, arguments, words):
    before = fingerprint(copy.results)
    status, said = forget(copy, *arguments)
    assert status != 0
    assert words in said
    assert fingerprint(copy.results) == before

"""The manifest command, run as a user runs it."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.lib.manifest import assign_groups, read_manifest
from workflow_scripts.make_manifest import MAX_ID, _free_id


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "workflow_scripts.make_manifest", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def faceforensics(tmp_path):
    root = tmp_path / "ff"
    for compression in ("c23", "c40"):
        touch(
            root,
            *(
                f"original_sequences/youtube/{compression}/videos/{n}.mp4"
                for n in ("000", "003", "007")
            ),
        )
        for method in ("Deepfakes", "FaceSwap"):
            touch(
                root,
                *(
                    f"manipulated_sequences/{method}/{compression}/videos/{n}.mp4"
                    for n in ("000_003", "003_000")
                ),
            )
    return root


def test_faceforensics(tmp_path, faceforensics):
    output = tmp_path / "videos.tsv"
    ended = command("faceforensics", faceforensics, "--output", output)
    assert ended.returncode == 0, ended.stderr
    assert "3 real and 2 fake" in ended.stdout
    videos = read_manifest(output)
    fake = videos["Deepfakes_c23_000_003"]
    assert (fake.label, fake.target, fake.source, fake.method) == (
        "fake",
        "000",
        "003",
        "Deepfakes",
    )
    groups = assign_groups(videos.values())
    assert (
        groups["original_c23_000"] == groups["original_c23_003"] == groups["Deepfakes_c23_003_000"]
    )
    assert groups["original_c23_007"] != groups["original_c23_000"]


def test_methods_and_compressions_share_people_but_no_id(tmp_path, faceforensics):
    output = tmp_path / "videos.tsv"
    chosen = ["--methods", "Deepfakes", "FaceSwap", "--compressions", "c23", "c40"]
    assert command("faceforensics", faceforensics, "--output", output, *chosen).returncode == 0
    videos = read_manifest(output)
    assert len(videos) == 2 * (3 + 2 + 2)
    groups = assign_groups(videos.values())
    assert groups["FaceSwap_c40_000_003"] == groups["original_c23_000"]


def test_says_which_folder_is_empty(tmp_path, faceforensics):
    ended = command(
        "faceforensics", faceforensics, "--output", tmp_path / "x", "--compressions", "raw"
    )
    assert ended.returncode == 1
    assert "original_sequences/youtube/raw/videos" in ended.stderr
    assert not (tmp_path / "x").exists()


def test_refuses_a_name_outside_the_scheme(tmp_path, faceforensics):
    touch(faceforensics, "manipulated_sequences/Deepfakes/c23/videos/holiday.mp4")
    ended = command("faceforensics", faceforensics, "--output", tmp_path / "x")
    assert ended.returncode == 1
    assert "holiday.mp4" in ended.stderr


def test_plain_folders_with_odd_names(tmp_path):
    root = tmp_path / "mine"
    touch(
        root,
        "real/a b.mp4",
        "real/a+b.MOV",
        "real/deep/er/ü.mkv",
        "fake/a b.mp4",
        "fake/-x.webm",
        "real/notes.txt",
    )
    touch(root, f"fake/{'long' * 30}.mp4")
    output = tmp_path / "videos.tsv"
    ended = command("folders", root, "--output", output)
    assert ended.returncode == 0, ended.stderr
    videos = read_manifest(output)
    assert len(videos) == 6
    assert sorted(v.label for v in videos.values()) == ["fake"] * 3 + ["real"] * 3
    assert {Path(v.path).name for v in videos.values()} >= {"a b.mp4", "ü.mkv", "-x.webm"}


def test_plain_folders_need_both_labels(tmp_path):
    touch(tmp_path, "real/a.mp4")
    ended = command("folders", tmp_path, "--output", tmp_path / "x.tsv")
    assert ended.returncode == 1
    assert str(tmp_path / "fake") in ended.stderr


@given(
    st.lists(st.sampled_from(["a", "a-2", "a-3", "a-2-2", "b" * MAX_ID, "b" * (MAX_ID - 2) + "-2"]))
)
def test_ids_never_collide(names):
    taken: set[str] = set()
    for name in names:
        taken.add(_free_id(name, taken))
    assert len(taken) == len(names)
    assert all(len(name) <= MAX_ID for name in taken)

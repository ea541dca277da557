"""The manifest command, run as a user runs it."""

import contextlib
import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command_line import DEEPFAKE
from workflow_scripts.cli.manifest import repeat_options, sample_videos
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import UNKNOWN
from workflow_scripts.lib.data.datasets import (
    MAX_ID_LENGTH,
    SUFFIXES,
    _with_unique_ids,
    add_official_splits,
    celebdf,
    dfdc,
    table,
)
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video, read_manifest

LABELS = ("real", "fake")


def command(*arguments):
    return subprocess.run(
        [*DEEPFAKE, "manifest", *map(str, arguments)],
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


@pytest.mark.parametrize("number", ["0", "-3", "some"])
def test_invalid_number_of_videos_is_reported(tmp_path, faceforensics, number):
    output = tmp_path / "videos.tsv"
    result = command("faceforensics", faceforensics, "--output", output, "--videos", number)
    assert result.returncode == 2
    assert re.search(rf"Invalid value for '--videos': '?{number}'? is not ", result.stderr)
    assert not output.exists()


def test_faceforensics(tmp_path, faceforensics):
    output = tmp_path / "videos.tsv"
    result = command("faceforensics", faceforensics, "--output", output)
    assert result.returncode == 0, result.stderr
    assert "3 real and 2 fake" in result.stdout
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


def test_names_the_empty_folder(tmp_path, faceforensics):
    result = command(
        "faceforensics", faceforensics, "--output", tmp_path / "x", "--compressions", "raw"
    )
    assert result.returncode == 1
    assert "original_sequences/youtube/raw/videos" in result.stderr
    assert not (tmp_path / "x").exists()


def test_rejects_unexpected_file_names(tmp_path, faceforensics):
    touch(faceforensics, "manipulated_sequences/Deepfakes/c23/videos/holiday.mp4")
    result = command("faceforensics", faceforensics, "--output", tmp_path / "x")
    assert result.returncode == 1
    assert "holiday.mp4" in result.stderr


def test_folders_with_unusual_names(tmp_path):
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
    result = command("folders", root, "--output", output)
    assert result.returncode == 0, result.stderr
    videos = read_manifest(output)
    assert len(videos) == 6
    assert sorted(v.label for v in videos.values()) == ["fake"] * 3 + ["real"] * 3
    assert {Path(v.path).name for v in videos.values()} >= {"a b.mp4", "ü.mkv", "-x.webm"}


def test_hidden_files_and_folders_are_no_videos(tmp_path, faceforensics):
    touch(tmp_path, *(f"mine/{label}/{name}" for label in LABELS for name in ("a.mp4", "._a.mp4")))
    touch(tmp_path, "mine/real/sub.mp4/b.mp4")
    videos, _ = manifest_of(tmp_path, "folders", tmp_path / "mine")
    assert set(videos) == {"real-a", "real-sub-mp4-b", "fake-a"}
    place = "original_sequences/youtube/c23/videos"
    touch(faceforensics, f"{place}/._000.mp4", f"{place}/004.mp4/x", f"{place}/009.MP4")
    videos, _ = manifest_of(tmp_path, "faceforensics", faceforensics)
    found = {video.target for video in videos.values() if video.label == "real"}
    assert found == {"000", "003", "007", "009"}


def test_options_take_several_values():
    typed = "-o x --methods A B --labels a=1 --methods C -- --methods D E"
    made = repeat_options(typed.split(), {"--methods", "--labels"})
    assert " ".join(made) == (
        "-o x --methods A --methods B --labels a=1 --methods C -- --methods D E"
    )


def test_repeated_methods_are_used_once(tmp_path, faceforensics):
    twice = ["--methods", "Deepfakes", "Deepfakes", "--compressions", "c23", "c23"]
    videos, _ = manifest_of(tmp_path, "faceforensics", faceforensics, *twice)
    assert len(videos) == 5


def test_unsupported_path_is_reported(tmp_path):
    touch(tmp_path, "real/a.mp4", "fake/{x}.mp4")
    output = error_of(tmp_path, "folders", tmp_path)
    assert "none.tsv was not written" in output
    assert "{x}.mp4', column path: " in output


def test_invalid_output_is_reported(tmp_path):
    touch(tmp_path, "real/a.mp4", "fake/a.mp4")
    for output in (tmp_path / "nowhere/x.tsv", tmp_path / "real"):
        result = command("folders", tmp_path, "--output", output)
        assert result.returncode == 1
        assert f"--output {output}: give a file name in an existing folder" in result.stderr


def test_folders_need_both_labels(tmp_path):
    touch(tmp_path, "real/a.mp4")
    result = command("folders", tmp_path, "--output", tmp_path / "x.tsv")
    assert result.returncode == 1
    assert str(tmp_path / "fake") in result.stderr


LONG_IDS = ["b" * MAX_ID_LENGTH, "b" * (MAX_ID_LENGTH - 2) + "-2"]


@given(st.lists(st.sampled_from(["", "a", "A", "a-2", "a-3", "a-2-2", *LONG_IDS, "video"])))
def test_ids_never_collide(names):
    ids = [video.video_id for video in _with_unique_ids(Video(name, "x", "real") for name in names)]
    assert len({video_id.lower() for video_id in ids}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", video_id) for video_id in ids)


def manifest_of(tmp_path, *arguments):
    """Run the command successfully; returns the videos and the output."""
    output = tmp_path / "made.tsv"
    result = command(*arguments, "--output", output)
    assert result.returncode == 0, result.stderr
    return read_manifest(output), result.stdout + result.stderr


def error_of(tmp_path, *arguments):
    """Run the command, expecting an error; returns the error output."""
    result = command(*arguments, "--output", tmp_path / "none.tsv")
    assert result.returncode == 1
    assert not (tmp_path / "none.tsv").exists()
    assert "Traceback" not in result.stderr
    assert "Line " not in result.stderr, "of a file that was never written"
    return result.stderr


# FaceForensics++'s official splits


def write_splits(folder, **pairs):
    for name in ("train", "val", "test"):
        (folder / f"{name}.json").write_text(json.dumps(pairs.get(name, [])))


def test_official_splits_follow_the_people(tmp_path, faceforensics):
    write_splits(tmp_path, train=[["003", "000"]], val=[["007", "008"]])
    videos, _ = manifest_of(tmp_path, "faceforensics", faceforensics, "--splits", tmp_path)
    parts = {video.video_id: video.split for video in videos.values()}
    assert parts == {
        "original_c23_000": "train",
        "original_c23_003": "train",
        "original_c23_007": "validation",
        "Deepfakes_c23_000_003": "train",
        "Deepfakes_c23_003_000": "train",
    }


def test_people_in_no_split_file_have_no_split(tmp_path, faceforensics):
    write_splits(tmp_path, test=[["003", "000"]])
    videos, _ = manifest_of(tmp_path, "faceforensics", faceforensics, "--splits", tmp_path)
    assert videos["original_c23_007"].split == ""
    assert videos["original_c23_003"].split == "test"


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": [["000", "003"]], "test": [["003", "007"]]}, "003 is in train already"),
        (
            {"train": [["000", "001"]], "test": [["003", "007"]]},
            "3.mp4 shows two people, and the split files have 000 in train and 003 in test",
        ),
        ({"train": [["000", "001"]]}, "the split files have 000 in train and 003 in no list"),
        ({"train": [["000"]]}, "train.json is not a list of pairs"),
        ({"train": {"000": "003"}}, "train.json is not a list of pairs"),
        ({"val": [[0, 3]]}, "val.json is not a list of pairs"),
        ({"test": [["../..", "003"]]}, "test.json is not a list of pairs"),
    ],
)
def test_inconsistent_split_files_are_rejected(tmp_path, faceforensics, splits, message):
    write_splits(tmp_path, **splits)
    assert message in error_of(tmp_path, "faceforensics", faceforensics, "--splits", tmp_path)


def test_missing_or_damaged_split_files_are_rejected(tmp_path, faceforensics):
    write_splits(tmp_path)
    (tmp_path / "val.json").write_text("<html>")
    assert "val.json" in error_of(tmp_path, "faceforensics", faceforensics, "--splits", tmp_path)
    (tmp_path / "train.json").unlink()
    assert "train.json" in error_of(tmp_path, "faceforensics", faceforensics, "--splits", tmp_path)


# The other data sets


def test_deepfakedetection_actors_are_known(tmp_path):
    scene = "outside_talking_still_laughing"
    touch(
        tmp_path,
        f"original_sequences/actors/c40/videos/01__{scene}.mp4",
        f"original_sequences/actors/c40/videos/02__{scene}.mp4",
        f"original_sequences/actors/c40/videos/03__{scene}.mp4",
        f"manipulated_sequences/DeepFakeDetection/c40/videos/01_02__{scene}__YVGY8LOK.mp4",
    )
    videos, output = manifest_of(tmp_path, "deepfakedetection", tmp_path, "--compressions", "c40")
    assert "3 real and 1 fake videos\n2 groups" in output
    fake = videos[f"DFD_c40_01_02__{scene}__YVGY8LOK"]
    assert (fake.target, fake.source, fake.dataset) == ("01", "02", "deepfakedetection")
    groups = assign_groups(videos.values())
    assert groups[fake.video_id] == groups[f"actors_c40_01__{scene}"]
    assert groups[fake.video_id] != groups[f"actors_c40_03__{scene}"]


CELEBDF = (
    *("Celeb-real/id0_0000.mp4", "Celeb-real/id1_0000.mp4", "Celeb-real/id20_0003.mp4"),
    *("YouTube-real/00000.mp4", "YouTube-real/00001.mp4", "Celeb-synthesis/id0_id1_0000.mp4"),
)


def test_celebdf_celebrities_are_known_and_youtubers_are_not(tmp_path):
    touch(tmp_path, *CELEBDF)
    (tmp_path / "List_of_testing_videos.txt").write_text(
        "1 YouTube-real/00001.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
    )
    videos, output = manifest_of(tmp_path, "celebdf", tmp_path)
    assert "4 groups that are never split; in 2 of them the people are unknown" in output
    groups = assign_groups(videos.values())
    fake = videos["Celeb-synthesis_id0_id1_0000"]
    assert (fake.label, fake.target, fake.source) == ("fake", "id0", "id1")
    assert groups[fake.video_id] == groups["Celeb-real_id1_0000"]
    assert groups["YouTube-real_00000"] == f"{UNKNOWN}YouTube-real_00000"
    tested = [video.video_id for video in videos.values() if video.split == "test"]
    assert tested == ["YouTube-real_00001", fake.video_id]


def test_celebdf_without_its_list_has_no_split(tmp_path):
    touch(tmp_path, *CELEBDF)
    videos, _ = manifest_of(tmp_path, "celebdf", tmp_path)
    assert {video.split for video in videos.values()} == {""}


def test_celebdf_rejects_a_test_list_of_another_data_set(tmp_path):
    touch(tmp_path, *CELEBDF)
    (tmp_path / "List_of_testing_videos.txt").write_text("1 elsewhere/00001.mp4\n")
    assert "elsewhere/00001.mp4" in error_of(tmp_path, "celebdf", tmp_path)


def test_celebdf_test_list_is_compared_with_the_disk(tmp_path):
    touch(tmp_path, *CELEBDF, "YouTube-real/00002.MP4")
    path = tmp_path / "List_of_testing_videos.txt"
    path.write_text("1 YouTube-real/00009.mp4\n   \n1 YouTube-real/00002.MP4\n\n")
    videos, output = manifest_of(tmp_path, "celebdf", tmp_path)
    assert "1 videos in the test list are not on disk, for example YouTube-real/00009.mp4" in output
    assert videos["YouTube-real_00002"].split == "test"
    path.write_text("\n")
    videos, output = manifest_of(tmp_path, "celebdf", tmp_path)
    assert "lists no videos, so the column split stays empty" in output
    assert {video.split for video in videos.values()} == {""}
    path.write_bytes(b"1 YouTube-real/\xff.mp4\n")
    assert "List_of_testing_videos.txt cannot be read" in error_of(tmp_path, "celebdf", tmp_path)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder with clips named as in several data sets."""
    root = tmp_path_factory.mktemp("clips")
    touch(root, *CELEBDF, "a.mp4")
    return root


@given(st.binary() | st.text().map(str.encode))
def test_any_test_list_is_read_or_rejected(clips, content):
    (clips / "List_of_testing_videos.txt").write_bytes(content)
    with contextlib.suppress(UserError):
        assert len(celebdf(clips)) == len(CELEBDF)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
)
ENTRIES = st.fixed_dictionaries(
    {"label": st.sampled_from(["REAL", "FAKE"]) | JSON},
    optional={"original": st.text(max_size=9) | JSON, "split": st.just("train") | JSON},
)


@given(JSON | st.dictionaries(st.just("a.mp4") | st.text(max_size=9), ENTRIES))
def test_any_metadata_is_read_or_rejected(clips, content):
    write_metadata(clips, content)
    with contextlib.suppress(UserError):
        assert [Path(video.path).name for video in dfdc(clips)] == ["a.mp4"]


@given(st.binary() | st.text().map(str.encode))
def test_any_table_is_read_or_rejected(clips, content):
    (clips / "own.csv").write_bytes(b"path,label\na.mp4,real\n" + content)
    with contextlib.suppress(UserError):
        assert table(clips / "own.csv", clips, {}, {})


@given(st.binary() | JSON.map(lambda content: json.dumps(content).encode()))
def test_any_split_file_is_read_or_rejected(clips, content):
    write_splits(clips)
    (clips / "val.json").write_bytes(content)
    video = Video("a", "a.mp4", "real", target="000")
    with contextlib.suppress(UserError):
        assert add_official_splits([video], clips) == [video]


def write_metadata(folder, entries):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metadata.json").write_text(json.dumps(entries))


def test_dfdc_fake_and_original_share_a_recording_of_unknown_people(tmp_path):
    write_metadata(
        tmp_path / "dfdc_train_part_0",
        {
            "fake.mp4": {"label": "FAKE", "split": "train", "original": "real.mp4"},
            "gone.mp4": {"label": "FAKE", "split": "train", "original": "real.mp4"},
            "real.mp4": {"label": "REAL", "split": "train", "original": None},
        },
    )
    write_metadata(tmp_path / "part_1", {"other.mp4": {"label": "REAL", "split": "odd"}})
    touch(tmp_path, *(f"dfdc_train_part_0/{name}.mp4" for name in ("fake", "real")))
    touch(tmp_path, "part_1/other.mp4", "part_1/unlisted.MP4", "part_1/._other.mp4")
    videos, output = manifest_of(tmp_path, "dfdc", tmp_path)
    assert "2 groups that are never split; in 2 of them the people are unknown" in output
    assert "1 videos in metadata.json are not on disk" in output
    assert "1 videos are in no metadata.json" in output
    assert [(v.label, v.split) for v in videos.values()] == [
        *(("fake", "train"), ("real", "train"), ("real", "")),
    ]
    groups = assign_groups(videos.values())
    assert groups["fake"] == groups["real"] != groups["other"]
    assert all(group.startswith(UNKNOWN) for group in groups.values())


@pytest.mark.parametrize(
    "entries",
    [
        [],
        {"a.mp4": []},
        {"a.mp4": {"label": "MAYBE"}},
        {"a.mp4": {"label": ["REAL"]}},
        {"a.mp4": {"label": "FAKE", "original": 3}},
        {"../a.mp4": {"label": "REAL"}},
        {"a.mp4": {"label": "REAL"}},
    ],
)
def test_invalid_metadata_is_rejected(tmp_path, entries):
    write_metadata(tmp_path, entries)
    assert str(tmp_path) in error_of(tmp_path, "dfdc", tmp_path)


# A table of one's own


@pytest.mark.parametrize(
    "text",
    [
        "file,kind,target\na b.mp4,1,x\nb.mp4,0,\n",
        "\ufefffile;kind;target\r\na b.mp4;1;x\r\nb.mp4;0;\r\n",
        "kind\tfile\tcolour\ttarget\n1\ta b.mp4\tred\tx\n0\tb.mp4\t\t\n",
        'file,kind,target\n"a b.mp4",1,x\n"b.mp4","0",\n',
    ],
)
def test_table_columns_and_labels_are_renamed(tmp_path, text):
    (tmp_path / "own.csv").write_bytes(text.encode())
    names = ["--columns", "path=file", "label=kind", "--labels", "fake=1", "real=0"]
    own = ["table", tmp_path / "own.csv", "--folder", "clips"]
    videos, _ = manifest_of(tmp_path, *own, *names)
    assert [(v.video_id, v.path, v.label, v.target) for v in videos.values()] == [
        ("a-b", "clips/a b.mp4", "fake", "x"),
        ("b", "clips/b.mp4", "real", ""),
    ]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("file,label\na,real\n", [], "line 2: no path"),
        ("path,label\na,1\n", [], "line 2: the label '1'"),
        ("path,label\na,real\n", ["--columns", "path=file"], "--columns path=file"),
        ("path,label\na,real\n", ["--columns", "file=path"], "--columns file=path"),
        (
            "video_id,path,label\na,a,real\na,b,fake\n",
            [],
            "The row of 'b', column video_id: 'a' is already used in the row of 'a'",
        ),
        (
            "path,label\na,1\n",
            ["--labels", "Real=0", "Fake=1"],
            "--labels Real=0 Fake=1: two",
        ),
        ("path,label\na,1\n", ["--labels", "real=1", "fake=1"], "one for real and one for fake"),
        ("", [], "own.csv has no rows"),
        ("path,label\n", [], "own.csv has no rows"),
        ("path,label\n\xff,real\n", [], "Save it as UTF-8"),
    ],
)
def test_invalid_tables_are_rejected(tmp_path, text, options, message):
    (tmp_path / "own.csv").write_bytes(text.encode("latin-1"))
    assert message in error_of(tmp_path, "table", tmp_path / "own.csv", *options)


# Copies


def test_copies_share_a_group(tmp_path):
    touch(tmp_path, "real/a.mp4", "real/b.mp4", "fake/c.mp4", "fake/d.mp4", "fake/e.mp4")
    contents = {"real/a": b"same", "real/b": b"same", "fake/c": b"othr", "fake/d": b"longer"}
    for name, content in contents.items():
        (tmp_path / f"{name}.mp4").write_bytes(content)
    (tmp_path / "fake/link.mp4").symlink_to("d.mp4")
    (tmp_path / "fake/nowhere.mp4").symlink_to("none.mp4")
    videos, output = manifest_of(tmp_path, "folders", tmp_path)
    assert "4 files exist several times" in output
    groups = assign_groups(videos.values())
    assert (
        groups["real-a"]
        == groups["real-b"]
        == (f"{UNKNOWN}content:{hashlib.sha256(b'same').hexdigest()}")
    )
    assert groups["fake-d"] == groups["fake-link"]
    alone = ("fake-c", "fake-e", "fake-nowhere")
    assert all(groups[name] == f"{UNKNOWN}{name}" for name in alone)
    assert all(videos[name].content == "" for name in alone)


def test_copies_are_detected_across_data_sets(tmp_path):
    touch(tmp_path, "x.mp4", "y.mp4")
    for name in "xy":
        (tmp_path / f"{name}.mp4").write_bytes(b"same")
    (tmp_path / "all.tsv").write_text(
        "video_id\tpath\tlabel\ttarget\tdataset\na\tx.mp4\treal\t1\tone\nb\ty.mp4\treal\t1\tother\n"
    )
    videos, _ = manifest_of(tmp_path, "table", tmp_path / "all.tsv", "--folder", tmp_path)
    assert len(set(assign_groups(videos.values()).values())) == 1


def test_copies_with_different_labels_are_reported(tmp_path):
    for name in ("real", "fake"):
        touch(tmp_path, f"{name}/a.mp4")
        (tmp_path / name / "a.mp4").write_bytes(b"same")
    _, output = manifest_of(tmp_path, "folders", tmp_path)
    assert "are identical, but labelled real and fake" in output


def test_sample_is_stratified_by_label():
    labels = ["real"] * 30 + ["fake"] * 10
    videos = [Video(f"v{i}", f"{i}.mp4", label) for i, label in enumerate(labels)]
    some = sample_videos(videos, 8)
    assert [video.label for video in some] == ["real"] * 6 + ["fake"] * 2
    assert [video.video_id for video in some][:2] == ["v0", "v5"]
    assert sample_videos(videos, 100) == videos


def test_all_containers_are_included_and_skipped_files_counted(tmp_path):
    for number, suffix in enumerate(sorted(SUFFIXES)):
        touch(tmp_path, f"mine/{LABELS[number % 2]}/v{number}{suffix.upper()}")
    touch(tmp_path, "mine/real/a.txt", "mine/real/b/c.SRT", "mine/real/d.srt", "mine/real/README")
    videos, output = manifest_of(tmp_path, "folders", tmp_path / "mine")
    assert len(videos) == len(SUFFIXES)
    assert "skipped files without a video suffix: 2 .srt, 1 .txt, 1 without a suffix" in output


def test_linked_folders_are_followed_and_hidden_ones_skipped(tmp_path):
    touch(tmp_path, "elsewhere/a.mp4", "mine/real/b.mp4", "mine/fake/c.mp4")
    touch(tmp_path, "mine/real/.Trash-1000/files/d.mp4", "mine/real/.stversions/e.mp4")
    (tmp_path / "mine/real/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "mine/real")
    (tmp_path / "mine/real/itself").symlink_to(tmp_path / "mine/real")
    (tmp_path / "mine/real/gone").symlink_to(tmp_path / "nowhere")
    videos, _ = manifest_of(tmp_path, "folders", tmp_path / "mine")
    found = sorted(Path(video.path).name for video in videos.values())
    assert found == ["a.mp4", "b.mp4", "c.mp4"]

"""Who is meant when somebody is to be forgotten, and which files have to go."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command_line import deepfake
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.provenance.removal import (
    find_derived_files,
    find_runs_with,
    select_videos,
)

ROWS = [
    Video("a", "a.mp4", "real", target="p0", dataset="one"),
    Video("b", "b.mp4", "fake", target="p1", source="p0", dataset="one"),
    Video("c", "c.mp4", "real", target="p1", dataset="one", content="ff"),
    Video("copy", "d.mp4", "real", dataset="one", content="ff"),
    Video("e", "e.mp4", "real", target="p1", dataset="two"),
    Video("f", "f.mp4", "real", group="family", dataset="one"),
    Video("g", "g.mp4", "real", group="family", dataset="two"),
    Video("h", "h.mp4", "real", group="p3"),
    Video("i", "i.mp4", "real", target="p3", dataset="two"),
]


@pytest.mark.parametrize(
    ("ids", "people", "chosen"),
    [
        (["a"], [], ["a"]),
        ([], ["p0"], ["a", "b"]),
        ([], ["one:p1"], ["b", "c", "copy"]),
        (["copy"], [], ["c", "copy"]),
        ([], ["two:p1"], ["e"]),
        (["a"], ["family"], ["a", "f", "g"]),
        ([], ["group:family"], ["f", "g"]),
        ([], ["group:p3"], ["h"]),
        ([], ["two:p3"], ["i"]),
    ],
)
def test_who_is_meant(tmp_path, ids, people, chosen):
    assert select_videos(ROWS, ids, people, tmp_path) == chosen


@pytest.mark.parametrize(
    ("name", "people"), [("p1", "'one:p1' or 'two:p1'"), ("p3", "'group:p3' or 'two:p3'")]
)
def test_who_of_the_same_name_is_not_guessed(tmp_path, name, people):
    with pytest.raises(UserError, match=f"is ambiguous: {people}. Give the full name"):
        select_videos(ROWS, [], [name], tmp_path)


@pytest.mark.parametrize("name", ["los*", "*", "lost.*", "[l]ost", "los?", "../faces/lost", ""])
def test_an_id_is_no_pattern(tmp_path, name):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/lost.jpg").touch()
    with pytest.raises(UserError, match="there is no video"):
        select_videos(ROWS, [name], [], tmp_path)


def test_a_video_that_only_the_run_knows_is_found(tmp_path):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/lost.jpg").touch()
    assert select_videos(ROWS, ["lost"], [], tmp_path) == ["lost"]


NAMES = st.sampled_from(["a", "a1", "b", ".a.npz.1f.partial", "c"])


@given(st.sets(NAMES), st.sets(NAMES), st.sets(st.sampled_from(["anything/new", "x.tsv"])))
def test_only_what_others_alone_made_stays(tmp_path_factory, names, kept, other):
    results = tmp_path_factory.mktemp("run")
    own = {f"faces/{name}.npz" for name in names} | {f"logs/crop_faces/{n}.log" for n in names}
    for name in own | other | {"store.zarr/zarr.json", "store.json", "logs/train_model/a.log"}:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).touch()
    gone = {str(path.relative_to(results)) for path in find_derived_files(results, kept)}
    stay = {name for name in own if name.split("/")[-1].rsplit(".", 1)[0] in kept}
    assert gone == (own - stay) | other | {"logs/train_model/a.log"}


def test_a_run_that_was_tested_on_a_video_holds_it_too(tmp_path):
    tested = tmp_path / "one/cross_dataset/other"
    tested.mkdir(parents=True)
    (tested / "identity.tsv").write_text("row\tvideo\n0\tscored\n")
    left_out = {"people": ["known"], "copies": ["copied"]}
    (tested / "identity.json").write_text(json.dumps({"left_out": left_out}))
    runs = [tmp_path / "one", tmp_path / "two"]
    for name in ("scored", "known", "copied"):
        assert find_runs_with([name], runs) == runs[:1]
    assert find_runs_with(["identity", "row"], runs) == []


def test_a_config_that_is_not_there_is_told(capsys):
    assert deepfake("forget", "config/nosuch.yaml", "--person", "1") == 1
    said = capsys.readouterr().err
    assert said == "forget: There is no file config/nosuch.yaml. Name the run's YAML file.\n"

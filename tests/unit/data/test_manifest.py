"""The manifest: validation and groups."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import UNKNOWN
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import (
    Video,
    pair_with_files,
    read_manifest,
    remove_rows,
    write_manifest,
)

HEADER = "video_id\tpath\tlabel\tsplit"


def write(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "videos.tsv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def test_reads_rows_in_order(tmp_path):
    videos = read_manifest(write(tmp_path, HEADER, "b\tx y.mp4\treal\t", "a\tz.mp4\tfake\ttest"))
    assert list(videos) == ["b", "a"]
    assert videos["b"] == Video("b", "x y.mp4", "real")
    assert videos["a"].split == "test"


def test_reads_windows_text_files(tmp_path):
    path = tmp_path / "videos.tsv"
    path.write_bytes(f"\ufeff{HEADER}\r\na\tz.mp4\tfake\t\r\n\r\n".encode())
    assert list(read_manifest(path)) == ["a"]


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=2),
    st.sets(st.sampled_from("abcdefgh")),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "\ufeff"]),
)
def test_removing_rows_changes_nothing_else(tmp_path_factory, names, removed, end, mark):
    path = tmp_path_factory.mktemp("manifest") / "videos.tsv"

    def content(remaining):
        rows = [f'"\u2028{name}.mp4\t {name} \treal' for name in remaining]
        return (mark + end.join(["path\tvideo_id\tlabel", "", *rows]) + end).encode()

    path.write_bytes(content(names))
    remove_rows(path, removed)
    assert path.read_bytes() == content([name for name in names if name not in removed])


@pytest.mark.parametrize(
    ("line", "column", "value"),
    [
        ("a/b\tx.mp4\treal\t", "video_id", "'a/b'"),
        ("../a\tx.mp4\treal\t", "video_id", "'../a'"),
        ("-a\tx.mp4\treal\t", "video_id", "'-a'"),
        (f"{'a' * 65}\tx.mp4\treal\t", "video_id", "aaa"),
        ("a\tx.mp4\tFAKE\t", "label", "'FAKE'"),
        ("a\tx.mp4\t\t", "label", "empty"),
        ("a\t\treal\t", "path", "empty"),
        ("\tx.mp4\treal\t", "video_id", "empty"),
        ("a\tx.mp4\treal\tval", "split", "'val'"),
        ("a\tx{y}.mp4\treal\t", "path", "x{y}"),
        ("a\tx<results>.mp4\treal\t", "path", "x<results>"),
    ],
)
def test_names_line_column_value_and_remedy(tmp_path, line, column, value):
    path = write(tmp_path, HEADER, "good\tx.mp4\treal\t", line)
    with pytest.raises(UserError) as caught:
        read_manifest(path)
    message = str(caught.value)
    assert str(path) in message
    assert f"Line 3, column {column}" in message
    assert value in message
    assert "Needed: " in message


def test_rejects_duplicate_ids(tmp_path):
    path = write(tmp_path, HEADER, "a\tx.mp4\treal\t", "a\ty.mp4\tfake\t")
    with pytest.raises(UserError, match="Line 3, column video_id: 'a' is already used in line 2"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["video_id,path,label", "a,x.mp4,real"], "separated by tabs"),
        (["video_id\tpath\tlabel\tcolour", "a\tx\treal\tred"], "unknown column 'colour'"),
        (["video_id\tpath", "a\tx"], "lacks the column 'label'"),
        (["video_id\tpath\tlabel\tlabel", "a\tx\treal\tfake"], "twice"),
        ([HEADER], "no videos"),
        ([HEADER, "a\tx\treal\t\tmore\tand more"], "6 cells for 4 columns"),
    ],
)
def test_explains_a_broken_table(tmp_path, lines, message):
    with pytest.raises(UserError, match=message):
        read_manifest(write(tmp_path, *lines))


def test_explains_a_wrong_encoding(tmp_path):
    path = write(tmp_path, HEADER, "a\tmüller.mp4\treal\t", encoding="latin-1")
    with pytest.raises(UserError, match="UTF-8"):
        read_manifest(path)


def test_explains_a_missing_table(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_manifest(tmp_path / "none.tsv")


def test_lists_only_the_first_problems(tmp_path):
    path = write(tmp_path, HEADER, *(f"v{i}\tx.mp4\tmaybe\t" for i in range(20)))
    with pytest.raises(UserError, match="and 15 more"):
        read_manifest(path)


cell = st.text(
    st.characters(blacklist_categories=("C", "Z"), blacklist_characters="{}<>"),
    min_size=1,
    max_size=9,
)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,9}", fullmatch=True),
        st.tuples(cell, st.sampled_from(["real", "fake"]), cell),
        min_size=1,
    ).filter(lambda rows: len({name.lower() for name in rows}) == len(rows))
)
def test_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("manifest") / "videos.tsv"
    videos = [Video(name, p, label, target=t) for name, (p, label, t) in rows.items()]
    write_manifest(path, videos)
    assert list(read_manifest(path).values()) == videos


def test_a_swapped_pair_is_one_group():
    base = Video("", "x", "real", dataset="d")
    videos = [
        replace(base, video_id="a", target="1"),
        replace(base, video_id="b", target="2"),
        replace(base, video_id="c", target="1", source="2"),
        replace(base, video_id="d", target="3"),
        replace(base, video_id="e", target="3", dataset="other"),
    ]
    groups = assign_groups(videos)
    assert groups["a"] == groups["b"] == groups["c"]
    assert len({groups["a"], groups["d"], groups["e"]}) == 3


def test_videos_of_unknown_people_are_separate_groups():
    assert len(set(assign_groups([Video(f"v{i}", "x", "real") for i in range(5)]).values())) == 5


def test_recordings_and_copies_share_a_group_named_after_people():
    base = Video("", "x", "real", dataset="d")
    videos = [
        replace(base, video_id="a", recording="r"),
        replace(base, video_id="b", recording="r", content="0" * 64),
        replace(base, video_id="c", content="0" * 64, dataset="other"),
        replace(base, video_id="d", recording="r", dataset="other"),
        replace(base, video_id="e", recording="q"),
        replace(base, video_id="f", recording="q", target="z"),
    ]
    groups = assign_groups(videos)
    assert groups["a"] == groups["b"] == groups["c"] == f"{UNKNOWN}content:{'0' * 64}"
    assert groups["d"] == f"{UNKNOWN}recording:other:r"
    assert groups["e"] == groups["f"] == "d:z"


identity = st.sampled_from(["", *"abcdefgh"])


@given(
    st.lists(st.tuples(identity, identity, st.sampled_from(["", "g", "h"])), max_size=30),
    st.randoms(),
)
def test_groups_are_connected_components(rows, random):
    videos = [Video(f"v{i}", "x", "real", g, t, s) for i, (t, s, g) in enumerate(rows)]
    groups = assign_groups(videos)
    for name in ("group", "target", "source"):
        for other in ("target", "source") if name != "group" else ("group",):
            for a in videos:
                for b in videos:
                    if getattr(a, name) and getattr(a, name) == getattr(b, other):
                        assert groups[a.video_id] == groups[b.video_id]
    shuffled = random.sample(videos, len(videos))
    assert assign_groups(shuffled) == groups
    # each group hangs together: growing from one member reaches all of it
    for group in set(groups.values()):
        members = [v for v in videos if groups[v.video_id] == group]
        names = [{f"g{v.group}"} - {"g"} | {v.target, v.source} - {""} for v in members]
        reached, waiting = {0}, [0]
        while waiting:
            here = waiting.pop()
            near = {i for i, n in enumerate(names) if n & names[here]} - reached
            reached |= near
            waiting += near
        assert len(reached) == len(members)


def test_rejects_writing_an_unreadable_manifest(tmp_path):
    for path in ("a\tb.mp4", "a\nb.mp4", "a\udce9.mp4"):
        with pytest.raises(UserError, match="column path"):
            write_manifest(tmp_path / "videos.tsv", [Video("a", path, "real")])
    assert not list(tmp_path.iterdir())


@given(st.lists(st.tuples(*[st.text("groupvideo:\\\\", max_size=6)] * 2), min_size=2, max_size=2))
def test_data_set_names_never_merge_people(pairs):
    (dataset, name), (other, known) = pairs
    videos = [
        Video("a", "a.mp4", "real", target=name or "x", dataset=dataset),
        Video("b", "b.mp4", "real", target=known or "x", dataset=other),
        Video("c", "c.mp4", "real", group=name or "x"),
        Video("d", "d.mp4", "real"),
    ]
    groups = assign_groups(videos)
    same = (dataset, name or "x") == (other, known or "x")
    assert len(set(groups.values())) == (3 if same else 4)
    assert [name.startswith(UNKNOWN) for name in groups.values()] == [False, False, False, True]


@pytest.mark.parametrize("dataset", ["group", "video"])
def test_data_set_may_have_any_name(dataset):
    videos = [
        Video("a", "a.mp4", "real", target="1", dataset=dataset),
        Video("1", "b.mp4", "real"),
        Video("c", "c.mp4", "real", group="1"),
    ]
    assert len(set(assign_groups(videos).values())) == 3


def test_rejects_ids_that_differ_only_in_case(tmp_path):
    path = tmp_path / "m.tsv"
    path.write_text("video_id\tpath\tlabel\nA1\ta.mp4\treal\na1\tb.mp4\tfake\n")
    with pytest.raises(UserError, match=r"'a1' is already used in line 2 as 'A1', the same name"):
        read_manifest(path)


def test_files_must_match_the_videos():
    videos = [Video("a", "x", "real"), Video("b", "x", "fake")]
    files = [Path("faces/a.npz"), Path("faces/b.npz")]
    assert list(pair_with_files(videos, files)) == list(zip(videos, files, strict=True))
    for wrong in (files[::-1], files[:1], [*files, files[0]]):
        with pytest.raises(UserError, match="changed during the run"):
            pair_with_files(videos, wrong)

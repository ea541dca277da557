"""Cross-dataset tests: nobody from the training part is scored, and nobody else is left out."""

import json
from dataclasses import replace

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.store.test_zarr_store import MADE_WITH, files_of, make_videos
from workflow_scripts.evaluation import extract_cross_dataset
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.evaluation.other_runs import (
    check_crop_settings,
    check_feature_versions,
    check_labels,
    select_videos,
)
from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.store.zarr_store import (
    features_version,
    read_features,
    write_features,
    write_store,
)

NAME = st.sampled_from(["", "a", "b", "c", "d", "e"])
VIDEO = st.builds(
    Video,
    video_id=st.just(""),
    path=st.just("x.mp4"),
    label=st.sampled_from(["real", "fake"]),
    group=st.sampled_from(["", "", "", "g", "h"]),
    target=NAME,
    source=NAME,
    recording=st.sampled_from(["", "", "r"]),
    content=st.sampled_from(["", "", "x"]),
    dataset=st.sampled_from(["one", "two"]),
)
HASH = st.sampled_from(["0", "1", "2", "3", "4", "5", "6", "7"])


@st.composite
def runs(draw):
    """The videos of two runs, under the same ids, and a hash of each one's crops."""
    videos = []
    for _ in range(2):
        rows = draw(st.lists(VIDEO, min_size=1, max_size=6))
        rows = [replace(video, video_id=f"v{n}") for n, video in enumerate(rows)]
        # the same file gives the same crops
        videos.append((rows, {video.video_id: video.content or draw(HASH) for video in rows}))
    return videos


def facts(video, crops):
    """All that two videos of the same person, or two copies, have in common."""
    known = {("identity", video.dataset, name) for name in (video.target, video.source) if name}
    known |= {("group", video.group)} if video.group else set()
    known |= {("recording", video.dataset, video.recording)} if video.recording else set()
    return known | ({("content", video.content)} if video.content else set()) | {("crops", crops)}


@given(runs())
def test_people_of_the_training_are_never_scored_and_only_they_are_left_out(pair):
    (training, own), (others, there) = pair
    selection = select_videos(training, others, own, there)
    seen = set().union(*(facts(video, own[video.video_id]) for video in training))
    for video in others:
        if video.video_id in selection.group_of:
            assert not seen & facts(video, there[video.video_id])
    graph = networkx.Graph()
    for side, rows, hashes in (("own", training, own), ("other", others, there)):
        for video in rows:
            networkx.add_star(
                graph, [(side, video.video_id), *facts(video, hashes[video.video_id])]
            )
    linked = {
        name
        for part in networkx.connected_components(graph)
        if any(node[0] == "own" for node in part)
        for side, name, *_ in (node for node in part if node[0] == "other")
    }
    out = {*selection.people, *selection.copies}
    assert out <= linked
    assert out | selection.group_of.keys() == {video.video_id for video in others}
    assert not out & selection.group_of.keys()
    assert set(selection.copies) == {n for n, code in there.items() if code in own.values()}
    assert selection.leak.videos == selection.leak.groups == 0


def person(name, label="real", **known):
    return Video(f"{name}_{label}", f"{name}.mp4", label, target=name, **known)


def test_the_same_id_in_both_runs_may_be_two_people():
    training = [Video("v", "v.mp4", "real", target="a")]
    selection = select_videos(training, [Video("v", "v.mp4", "fake", target="b")], {}, {})
    assert list(selection.group_of) == ["v"]
    assert selection.leak.word == "no"


def test_names_of_groups_need_not_agree():
    # alone, the other run would call this group after a, and the training's after b
    training = [person("b", "fake", source="c")]
    others = [person("a", "fake", source="c"), person("a"), person("d")]
    selection = select_videos(training, others, {}, {})
    assert selection.people == ("a_fake", "a_real")
    assert list(selection.group_of) == ["d_real"]


def test_a_copy_tells_who_is_in_its_group():
    training = [person("a")]
    others = [Video("copy", "c.mp4", "real", target="x", dataset="other"),
              Video("more", "m.mp4", "fake", target="x", dataset="other")]  # fmt: skip
    selection = select_videos(training, others, {"a_real": "1"}, {"copy": "1", "more": "2"})
    assert selection.copies == ("copy",)
    assert selection.people == ("more",)


@pytest.mark.parametrize("side", ["training", "others"])
def test_unknown_people_make_the_leak_unknown(side):
    known, unknown = [person("a")], [Video("u", "u.mp4", "fake")]
    runs = (unknown, known) if side == "training" else (known, unknown)
    selection = select_videos(*runs, {}, {})
    assert selection.leak.word == "unknown"
    assert selection.leak.unknown == 1


def test_a_selection_without_both_labels_is_refused(tmp_path):
    others = [person("a"), person("b", "fake"), person("c", "fake")]
    selection = select_videos([person("a", "fake")], others, {}, {})
    with pytest.raises(
        UserError, match=r"of the 3 videos of .*, 1 show people .* Only fake videos"
    ):
        check_labels(selection, others, "identity", tmp_path)
    selection = select_videos(others, others, {}, {})
    with pytest.raises(UserError, match="No videos are left"):
        check_labels(selection, others, "identity", tmp_path)
    selection = select_videos([person("d")], others, {}, {})
    check_labels(selection, others, "identity", tmp_path)


def test_features_are_taken_over_only_where_the_recipe_is_the_same(tmp_path):
    store, output = tmp_path / "store.zarr", tmp_path / "mine"
    there, rows = tmp_path / "features", np.arange(5)
    videos = make_videos([3, 2])
    write_store(store, videos, MADE_WITH, 5)
    before = files_of(store)
    extract_cross_dataset.main(store, "spectrum", output / "spectrum.json")
    assert files_of(store) == before
    computed = read_features(output, "spectrum", rows)
    version = features_version(output, "spectrum")
    assert version == FEATURE_SETS["spectrum"].version
    marked = np.ones((5, 2), np.float32)
    write_features(there, "spectrum", [marked], 5, version)
    extract_cross_dataset.main(store, "spectrum", output / "spectrum.json")
    assert (read_features(output, "spectrum", rows) == marked).all()
    write_features(there, "spectrum", [marked], 5, f"not {version}")
    extract_cross_dataset.main(store, "spectrum", output / "spectrum.json")
    assert (read_features(output, "spectrum", rows) == computed).all()


def test_a_model_of_another_version_of_its_features_is_refused(tmp_path):
    write_features(tmp_path, "dct-64", [np.ones((5, 2), np.float32)], 5, "2")
    card = tmp_path / "model.json"
    card.write_text(json.dumps({"features": {"name": "pixels+dct", "version": "1+2"}}))
    check_feature_versions(card, tmp_path, ["dct-64"])
    card.write_text(json.dumps({"features": {"name": "pixels+dct", "version": "2+1"}}))
    with pytest.raises(UserError, match=r"trained on version 1 of dct-64, but .* has version 2"):
        check_feature_versions(card, tmp_path, ["dct-64"])


def test_crops_made_with_other_settings_are_refused(tmp_path):
    own = {
        "sampling": {"frames": 7},
        "detector": {"backend": "onnxruntime"},
        "faces": {"size": 320, "scale": 1.3},
    }
    check_crop_settings(own, {**own, "sampling": {"frames": 5}}, tmp_path)
    for section, key, value in (
        ("detector", "backend", "tensorflow"),
        ("faces", "size", 64),
        ("faces", "scale", 1.0),
    ):
        other = {**own, section: {**own[section], key: value}}
        with pytest.raises(UserError, match=rf"{section}\.{key} = {value}, this run's with"):
            check_crop_settings(own, other, tmp_path)

"""The ranges of the training: how wide they are, and what lies beyond them."""

import json

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clips import face_frame, write_clip
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.faces.video import sample_frames
from workflow_scripts.lib.verdicts.bundle import SCHEMA
from workflow_scripts.lib.verdicts.training_range import (
    COVERAGE,
    MEASURES,
    measure,
    person_ids,
    range_warnings,
    training_ranges,
)


def of_people(rng, groups, videos=2):
    """Face sizes of videos, with a size of each person and a little of each video."""
    sizes = np.repeat(rng.lognormal(5, 0.3, groups), videos) * rng.lognormal(
        0, 0.05, groups * videos
    )
    return [dict.fromkeys(MEASURES, size) for size in sizes]


@pytest.mark.parametrize("groups", [3, 5, 10, 40])
def test_of_new_videos_no_more_than_promised_lie_outside_however_few_were_trained_on(groups):
    rng = np.random.default_rng(groups)
    missed = []
    for _ in range(1500):
        *training, new, _ = of_people(rng, groups + 1)
        limits = training_ranges(training, groups)["face_size"]
        missed.append(not limits["low"] <= new["face_size"] <= limits["high"])
    assert np.mean(missed) < 1.6 * (1 - COVERAGE)
    assert np.mean(missed) > 0.2 * (1 - COVERAGE)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=9))
@settings(max_examples=50, deadline=None)
def test_ranges_hold_their_middle(values):
    measurements = [dict.fromkeys(MEASURES, value) for value in values]
    limits = training_ranges(measurements, len(values))["face_size"]
    lowest = MEASURES["face_size"][2]
    middle = float(np.exp(np.mean(np.log(np.maximum(values, lowest)))))
    assert limits["low"] <= middle * 1.001
    assert limits["high"] >= middle * 0.999
    measurement = {**dict.fromkeys(MEASURES), "face_size": middle}
    assert range_warnings(measurement, {"face_size": limits}) == []


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=3))
@settings(max_examples=50, deadline=None)
def test_a_bundle_can_hold_the_ranges_of_two_people_however_unlike(values):
    number = json.loads(SCHEMA.read_text())["definitions"]["number"]
    limits = training_ranges([dict.fromkeys(MEASURES, v) for v in values], len(values))
    for limit in limits.values():
        assert number["minimum"] <= limit["low"] <= limit["high"] <= number["maximum"]


@given(st.lists(st.floats(100, 200), min_size=4, max_size=9), st.floats(0.1, 100))
@settings(max_examples=50, deadline=None)
def test_ranges_follow_the_unit(values, factor):
    one, other = (
        training_ranges([dict.fromkeys(MEASURES, unit * v) for v in values], len(values))
        for unit in (1, factor)
    )
    for name, limits in one.items():
        for end in ("low", "high"):
            assert other[name][end] == pytest.approx(factor * limits[end], rel=1e-3)


def test_more_people_make_a_narrower_range():
    measurements = of_people(np.random.default_rng(0), 20)
    few, many = (training_ranges(measurements, groups)["face_size"] for groups in (3, 20))
    assert few["low"] < many["low"] < many["high"] < few["high"]
    assert training_ranges(measurements, 1) == {}
    assert training_ranges([dict.fromkeys(MEASURES)] * 5, 5) == {}


def test_a_fake_shows_the_person_whose_recording_was_changed():
    named = [Video("r", "r", "real", target="1"), Video("f", "f", "fake", target="1", source="2")]
    assert len(person_ids(named)) == 1
    other = Video("o", "o", "fake", target="2", source="1")
    assert len(person_ids([*named, other])) == 2
    assert len(person_ids([Video("a", "a", "real"), Video("b", "b", "real")])) == 2
    grouped = [Video(name, name, "real", group="g") for name in "ab"]
    assert len(person_ids(grouped)) == 1


def test_of_one_frame_no_rate_is_told():
    crops = np.zeros((1, 32, 32, 3), np.uint8)
    measurements = measure(crops, np.ones((1, 4), int), np.array([0]), np.array([0.0]), 0.0)
    assert measurements["frame_rate"] is None
    assert measurements["bits_per_pixel"] is None


def filmed(folder, rng, stride=30, change=lambda picture: picture, shrunk=1, quality=23):
    """Measures of a face as some camera would film it, from encoded frames to which `change` was
    done before; `quality` is the encoder's CRF."""
    side = int(rng.uniform(150, 300)) // 2 * 2
    face = cv2.resize(face_frame(320, 320, 300, (160, 160)), (side, side))
    noisy = [face + rng.normal(0, rng.uniform(3, 4.5), face.shape) for _ in range(3)]
    frames = [change(np.clip(frame, 0, 255).astype(np.uint8)) for frame in noisy]
    small = side // shrunk // 2 * 2
    frames = [cv2.resize(frame, (small, small), interpolation=cv2.INTER_AREA) for frame in frames]
    options = {"crf": str(quality), "preset": "superfast"}
    write_clip(folder / "face.mp4", frames, options=options)
    bits_per_pixel = sample_frames(folder / "face.mp4", 1, 1).bits_per_pixel
    with av.open(folder / "face.mp4") as video:
        decoded = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    crops = np.stack([cv2.resize(frame, (320, 320)) for frame in decoded])
    boxes = np.tile([0, 0, small, small], (3, 1))
    return measure(crops, boxes, np.arange(3) * stride, np.arange(3.0), bits_per_pixel)


UNLIKE = {
    "blurred": {"change": lambda picture: cv2.GaussianBlur(picture, (0, 0), 4)},
    "compressed": {"quality": 45},
    "tiny": {"shrunk": 6},
    "another frame rate": {"stride": 15},
}


@pytest.fixture(scope="module")
def limits(tmp_path_factory):
    rng, folder = np.random.default_rng(5), tmp_path_factory.mktemp("training")
    return training_ranges([filmed(folder, rng) for _ in range(20)], 20)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("blurred", "The sharpness"),
        ("compressed", "finest detail"),
        ("compressed", "The size of the file"),
        ("tiny", "The face is "),
        ("another frame rate", "frame rate"),
    ],
)
def test_what_is_unlike_the_training_is_told(limits, kind, expected, tmp_path):
    rng = np.random.default_rng(6)
    warned = [range_warnings(filmed(tmp_path, rng, **UNLIKE[kind]), limits) for _ in range(10)]
    assert all(expected in " ".join(texts) for texts in warned)


def test_what_is_like_the_training_is_seldom_warned_about(limits, tmp_path):
    rng = np.random.default_rng(7)
    warned = [bool(range_warnings(filmed(tmp_path, rng), limits)) for _ in range(60)]
    assert np.mean(warned) <= len(MEASURES) * (1 - COVERAGE)

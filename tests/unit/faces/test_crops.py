"""Faces: selection, cropping, and the status of frames and videos."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.lib.faces.crops import (
    confident_faces,
    crop_square,
    draw_strip,
    find_faces,
    keypoint_roll,
    save_faces,
    scaled_square,
    status_record,
    video_status,
)
from workflow_scripts.lib.faces.frames import Frame, SampledVideo
from workflow_scripts.lib.faces.mtcnn import Detection
from workflow_scripts.lib.faces.status import FrameStatus, VideoStatus
from workflow_scripts.lib.store.zarr_store import load_video_crops

POINTS = ((1.0, 2.0),) * 5


def detection(x, y, width, height, confidence):
    return Detection((x, y, width, height), confidence, POINTS)


class KnownFaces:
    """A detector with one answer per frame. Frames are not square; in square regions it finds
    nothing."""

    def __init__(self, *answers):
        self.answers = iter(answers)

    def detect(self, image):
        height, width = image.shape[:2]
        return [] if height == width else next(self.answers)


def frames(n, width=64, height=48):
    rng = np.random.default_rng(0)
    return tuple(
        Frame(30 * i, float(i), rng.integers(0, 256, (height, width, 3), np.uint8))
        for i in range(n)
    )


def test_confident_faces_are_ordered_by_size():
    small, large, unsure = (
        detection(0, 0, 10, 10, 0.99),
        detection(0, 0, 20, 20, 0.95),
        detection(0, 0, 90, 90, 0.5),
    )
    assert confident_faces([small, large, unsure], 0.9) == [large, small]
    assert confident_faces([unsure], 0.9) == []
    assert confident_faces([], 0.9) == []
    at_threshold = detection(0, 0, 5, 5, 0.9)
    assert confident_faces([at_threshold], 0.9) == [at_threshold]


def test_ties_in_size_go_to_the_more_confident_then_to_the_first():
    first, second, third = (detection(x, 0, 10, 10, 0.95 + (x == 2) / 100) for x in range(3))
    assert confident_faces([first, second, third], 0.9) == [third, first, second]


@given(
    st.tuples(*[st.integers(-80, 300)] * 2, *[st.integers(0, 300)] * 2),
    st.floats(0.5, 4),
    st.integers(1, 200),
    st.integers(1, 200),
)
def test_square_lies_inside_and_is_square(box, scale, width, height):
    left, top, side = scaled_square(box, scale, width, height)
    assert 0 <= left <= width - side
    assert 0 <= top <= height - side
    assert 1 <= side <= min(width, height)


@given(st.integers(60, 100), st.integers(60, 100), st.integers(5, 20), st.integers(5, 20))
def test_square_is_centred_where_there_is_room(x, y, width, height):
    left, top, side = scaled_square((x, y, width, height), 1.3, 400, 400)
    assert side == round(max(width, height) * 1.3)
    assert abs(left + side / 2 - (x + width / 2)) <= 1
    assert abs(top + side / 2 - (y + height / 2)) <= 1


def test_crop_keeps_the_pixels_when_nothing_is_resized():
    image = np.random.default_rng(1).integers(0, 256, (50, 60, 3), np.uint8)
    assert (crop_square(image, (7, 9, 32), 32) == image[9:41, 7:39]).all()
    assert crop_square(image, (7, 9, 32), 320).shape == (320, 320, 3)


def test_each_frame_gets_its_status():
    good, poor = detection(10, 10, 20, 20, 0.99), detection(1, 1, 5, 5, 0.4)
    detector = KnownFaces([good], [], [poor], [good, good])
    results, crops = find_faces(frames(4), detector, 0.9, 1.3, 32)
    assert [r.status for r in results] == ["ok", "no_face", "low_confidence", "ok"]
    assert [r.faces for r in results] == [1, 0, 0, 2]
    assert [r.confidence for r in results] == [0.99, None, 0.4, 0.99]
    assert results[1].box is None
    assert results[2].box == (1, 1, 5, 5)
    assert [c.result.index for c in crops] == [0, 90]
    assert all(c.pixels.shape == (32, 32, 3) for c in crops)


UPRIGHT = np.array([(30, 40), (70, 41), (51, 60), (35, 80), (66, 79)]) - 50
ANGLES = st.floats(-179, 179)


def turned_points(angle):
    """A face's keypoints, turned clockwise by an angle in degrees (y goes down)."""
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    points = UPRIGHT @ np.array([[cosine, sine], [-sine, cosine]]) + 200
    return tuple((float(x), float(y)) for x, y in points)


@given(ANGLES, st.floats(0.3, 3), st.floats(0.2, 1))
def test_the_roll_is_the_angle_of_the_rotation(angle, scale, narrow):
    upright = keypoint_roll(turned_points(0))
    assert abs(upright) < 2
    away = (keypoint_roll(turned_points(angle)) - upright - angle) % 360
    assert min(away, 360 - away) < 1e-6
    larger = [(x * scale, y * scale) for x, y in turned_points(angle)]
    assert keypoint_roll(larger) == pytest.approx(keypoint_roll(turned_points(angle)))
    profile = [(x * narrow, y) for x, y in turned_points(0)]  # a head that looks to the side
    assert abs(keypoint_roll(profile)) < 10


@pytest.mark.parametrize(
    ("angle", "status"), [(30, "ok"), (-40, "ok"), (90, "turned"), (180, "turned"), (-60, "turned")]
)
def test_a_turned_face_is_not_cropped(angle, status):
    face = Detection((10, 10, 20, 20), 0.99, turned_points(angle))
    (result,), crops = find_faces(frames(1), KnownFaces([face]), 0.9, 1.3, 32)
    assert (result.status, result.faces, len(crops)) == (status, 1, status == "ok")
    assert result.box == (10, 10, 20, 20)


def test_an_upright_face_is_preferred_to_a_larger_turned_one():
    small, large = (
        detection(0, 0, 10, 10, 0.99),
        Detection((0, 0, 20, 20), 0.99, turned_points(180)),
    )
    (result,), _ = find_faces(frames(1), KnownFaces([large, small]), 0.9, 1.3, 32)
    assert (result.status, result.box, result.faces) == ("ok", (0, 0, 10, 10), 2)


class OrientationDetector:
    """A detector with one confidence for a region whose upper half is the brighter one, and another
    for the same region rotated by 180 degrees."""

    def __init__(self, bright_up, dark_up):
        self.confidence = {True: bright_up, False: dark_up}

    def detect(self, image):
        height, width = image.shape[:2]
        if height != width:
            return [Detection((20, 12, 20, 20), 0.95, turned_points(10))]
        assert image.flags.c_contiguous
        bright_up = image[: height // 2].mean() > image[height // 2 :].mean()
        return [Detection((1, 1, 9, 9), self.confidence[bool(bright_up)], POINTS)]


@pytest.mark.parametrize(
    ("bright_up", "dark_up", "angle"),
    [(0.99, 0.2, 9.1), (0.2, 0.99, -170.9), (0.99, 0.99, 9.1)],
)
def test_a_face_is_upside_down_if_it_is_detected_better_rotated(bright_up, dark_up, angle):
    picture = np.repeat(np.linspace(250, 5, 48).astype(np.uint8), 64 * 3).reshape(48, 64, 3)
    detector = OrientationDetector(bright_up, dark_up)
    frame = Frame(0, 0.0, picture)
    (result,), crops = find_faces([frame], detector, 0.9, 1.3, 32)
    assert result.roll == pytest.approx(angle, abs=1)
    assert result.status == ("ok" if abs(angle) < 45 else "turned")
    assert len(crops) == (abs(angle) < 45)


TURNED = [Detection((10, 10, 20, 20), 0.99, turned_points(180))]
GOOD, NONE, POOR = [detection(10, 10, 20, 20, 0.99)], [], [detection(1, 1, 5, 5, 0.4)]


@pytest.mark.parametrize(
    ("sampling", "answers", "status"),
    [
        (VideoStatus.OK, [GOOD, GOOD], VideoStatus.OK),
        (VideoStatus.OK, [GOOD, NONE], VideoStatus.PARTIAL),
        (VideoStatus.OK, [NONE, NONE], VideoStatus.NO_FACE),
        (VideoStatus.OK, [NONE, POOR], VideoStatus.LOW_CONFIDENCE),
        (VideoStatus.OK, [TURNED, POOR], VideoStatus.TURNED),
        (VideoStatus.OK, [TURNED, GOOD], VideoStatus.PARTIAL),
        (VideoStatus.TOO_SHORT, [GOOD], VideoStatus.TOO_SHORT),
        (VideoStatus.TOO_SHORT, [GOOD, NONE], VideoStatus.TOO_SHORT),
        (VideoStatus.TOO_SHORT, [NONE], VideoStatus.NO_FACE),
        (VideoStatus.UNREADABLE, [], VideoStatus.UNREADABLE),
        (VideoStatus.MISSING, [], VideoStatus.MISSING),
    ],
)
def test_each_video_gets_its_status(sampling, answers, status):
    detail = "" if sampling == VideoStatus.OK else "why."
    sampled = SampledVideo(sampling, detail, 30.0, frames(len(answers)))
    results, crops = find_faces(sampled.frames, KnownFaces(*answers), 0.9, 1.3, 32)
    word, sentence = video_status(sampled, results)
    assert word == status
    assert bool(sentence) == (status != VideoStatus.OK)
    written = json.loads(json.dumps(status_record(sampled, results)))
    assert written["status"] == status.value
    assert written["crops"] == len(crops) == sum(a is GOOD for a in answers)


@given(st.lists(st.sampled_from([GOOD, NONE, POOR]), max_size=7))
def test_crops_reach_the_store_as_they_are(tmp_path_factory, answers):
    path = tmp_path_factory.mktemp("faces") / "v.npz"
    _, crops = find_faces(frames(len(answers)), KnownFaces(*answers), 0.9, 1.0, 32)
    save_faces(path, crops, 32)
    first = path.read_bytes()
    save_faces(path, crops, 32)
    assert path.read_bytes() == first
    loaded = load_video_crops(path, "v", "g", 1)
    assert loaded.crops.shape == (len(crops), 32, 32, 3)
    assert loaded.crops.dtype == np.uint8
    for row, crop in enumerate(crops):
        assert (loaded.crops[row] == crop.pixels).all()
        assert loaded.columns["box"][row].tolist() == list(crop.result.box)
        assert loaded.columns["frame"][row] == crop.result.index


@pytest.mark.parametrize("answers", [[], [GOOD], [GOOD, NONE, POOR]])
def test_strip_shows_a_column_per_frame(answers):
    sampled = frames(len(answers))
    results, crops = find_faces(sampled, KnownFaces(*answers), 0.9, 1.3, 32)
    strip = draw_strip(sampled, results, crops)
    assert strip.dtype == np.uint8
    assert strip.shape[1] == 160 * max(1, len(answers))
    if answers:  # the first crop stands below its frame
        assert (strip[-160:, :160] < 255).any()


def test_statuses_are_words():
    assert json.dumps(FrameStatus.NO_FACE) == '"no_face"'

"""The two detectors find the same faces. Skipped where TensorFlow is not installed."""

import importlib.util
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from tests.benchmarks.compare_detectors import largest_differences
from tests.clips import background, face_frame, paste_face
from workflow_scripts.lib.detector import OnnxDetector, TensorflowDetector
from workflow_scripts.lib.detector_export import export_models
from workflow_scripts.lib.video import sample_frames

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="TensorFlow, the reference, is not installed (make reference)",
)

SAMPLE = os.environ.get("FFPP_SAMPLE")


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    export_models(folder)
    return OnnxDetector(folder, 20, 1)


@pytest.fixture(scope="module")
def reference():
    return TensorflowDetector(20, 1)


def assert_same(ours, reference, picture):
    """Equal boxes, and all but equal confidences and keypoints: the docs promise no less."""
    found, expected = ours.detect(picture), reference.detect(picture)
    assert len(found) == len(expected)
    box, confidence, keypoints = largest_differences(found, expected)
    assert box <= 1
    assert confidence < 0.001
    assert keypoints < 0.1
    return len(found)


def turned(angle):
    turn = cv2.getRotationMatrix2D((256, 256), angle, 1)
    return cv2.warpAffine(astronaut(), turn, (512, 512))


def toned(gain, offset, gamma=1.0):
    tones = 255 * (np.arange(256) / 255) ** gamma * gain + offset
    return np.clip(tones, 0, 255).astype(np.uint8)[face_frame(480, 360, 150)]


def noisy(sigma):
    noise = np.random.default_rng(0).normal(0, sigma, (360, 480, 3))
    return np.clip(face_frame(480, 360, 150) + noise, 0, 255).astype(np.uint8)


def blurred(sigma):
    return cv2.GaussianBlur(face_frame(480, 360, 150), (0, 0), sigma)


def crowd():
    picture = background(900, 500)
    for i, x in enumerate(range(70, 900, 140)):
        picture = paste_face(picture, 30 + 15 * i, (x, 120 + 40 * i))
    return picture


def texture(height, width):
    small = np.random.default_rng(1).integers(0, 256, (height // 9, width // 9, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


PICTURES = {
    "portrait": (astronaut, 1),
    "small": (lambda: cv2.resize(astronaut(), (97, 101), interpolation=cv2.INTER_AREA), 1),
    "large": (lambda: cv2.resize(astronaut(), (1500, 1400), interpolation=cv2.INTER_CUBIC), None),
    "turned left": (lambda: turned(17), 1),
    "turned right": (lambda: turned(-26), None),
    "upside down": (lambda: astronaut()[::-1], None),
    "mirrored": (lambda: astronaut()[:, ::-1], 1),
    "dark": (lambda: toned(0.3, 0), 1),
    "bright": (lambda: toned(0.8, 60), 1),
    "gamma": (lambda: toned(1, 0, 2.2), 1),
    "grey": (lambda: np.repeat(astronaut()[..., 1:2], 3, axis=2), 1),
    "negative": (lambda: 255 - astronaut(), None),
    "noise on a face": (lambda: noisy(25), 1),
    "blur": (lambda: blurred(3), 1),
    "720p": (lambda: face_frame(1280, 720, 260, (700, 350)), 1),
    "720p, small face": (lambda: face_frame(1280, 720, 40, (300, 200)), 1),
    "upright video": (lambda: face_frame(360, 640, 140, (150, 300)), 1),
    "odd sides": (lambda: face_frame(333, 217, 101, (171, 113)), 1),
    "cut left": (lambda: face_frame(480, 360, 200, (40, 180)), None),
    "cut right": (lambda: face_frame(480, 360, 200, (445, 180)), None),
    "cut above": (lambda: face_frame(480, 360, 200, (240, 60)), 1),
    "cut below": (lambda: face_frame(480, 360, 200, (240, 310)), None),
    "two faces": (lambda: paste_face(face_frame(640, 360, 150, (160, 180)), 90, (480, 200)), 2),
    "crowd": (crowd, None),
    "wide": (lambda: face_frame(1200, 80, 60), 1),
    "noise": (lambda: np.random.default_rng(0).integers(0, 256, (360, 480, 3), np.uint8), 0),
    "texture": (lambda: texture(720, 1280), None),
    "black": (lambda: np.zeros((240, 320, 3), np.uint8), 0),
    "white": (lambda: np.full((241, 319, 3), 255, np.uint8), 0),
    "wall": (background, 0),
    "tiny": (lambda: np.zeros((13, 17, 3), np.uint8), 0),
    "too small": (lambda: np.zeros((9, 100, 3), np.uint8), 0),
}


@pytest.mark.parametrize(("make", "faces"), PICTURES.values(), ids=PICTURES)
def test_same_faces(ours, reference, make, faces):
    found = assert_same(ours, reference, make())
    assert faces is None or found == faces


def test_same_faces_with_a_smaller_smallest_size(tmp_path):
    export_models(tmp_path)
    picture = face_frame(320, 240, 15, (100, 90))
    assert assert_same(OnnxDetector(tmp_path, 14, 1), TensorflowDetector(14, 1), picture) == 1


@pytest.mark.parametrize(("min_face_size", "face_height"), [(40, 200), (12, 400)])
def test_the_package_misses_what_the_docs_say(reference, tmp_path, min_face_size, face_height):
    export_models(tmp_path)
    picture = face_frame(320, 240, face_height)
    assert len(OnnxDetector(tmp_path, min_face_size, 1).detect(picture)) == 1
    assert reference._mtcnn.detect_faces(picture, min_face_size=min_face_size) == []


@pytest.mark.parametrize("side", [20, 29, 57, 112, 158, 223, 314, 443, 625])
def test_same_faces_where_the_pyramid_ends(ours, reference, side):
    """A face that fills the frame is found, if at all, at one of the last levels."""
    picture = astronaut()[85:200, 170:285]
    assert_same(ours, reference, cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))


@pytest.mark.skipif(SAMPLE is None, reason="FFPP_SAMPLE names no folder with FaceForensics++ clips")
def test_same_faces_in_real_videos(ours, reference):
    videos = sorted(Path(SAMPLE).rglob("*.mp4"))[::10]
    frames = [frame for video in videos for frame in sample_frames(video, 7, 30).frames]
    assert sum(assert_same(ours, reference, frame.pixels) for frame in frames) >= len(videos)

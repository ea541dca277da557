"""The detector's reference, live: the `mtcnn` package on TensorFlow (`make reference`)."""

import os
from pathlib import Path

import pytest

from tests.clips import face_frame
from tests.detector_answers import PICTURES, assert_same, main, package, read_answers
from workflow_scripts.lib.faces.mtcnn import OnnxDetector
from workflow_scripts.lib.faces.mtcnn_export import export_models
from workflow_scripts.lib.faces.video import sample_frames

pytestmark = pytest.mark.slow

SAMPLE = os.environ.get("FFPP_SAMPLE")

# Other processors compute other last bits. With oneDNN in TensorFlow, or without AVX2 in NumPy and
# OpenCV, keypoints moved by up to 0.0007 pixels and confidences by 8e-7; some sides of boxes are
# but 0.002 pixels from being rounded the other way. How a processor sorts equal scores seems not to
# matter here: six other orders changed no answer.
BY_PROCESSOR = (1, 1e-5, 0.01)  # pixels of a box, confidence, pixels of keypoints


@pytest.fixture(scope="module")
def reference():
    """The package. Without TensorFlow every test fails here: skipped ones would go unnoticed."""
    return package(20)


@pytest.fixture(scope="module")
def anew(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("answers") / "answers.json"
    main([str(path)])
    return read_answers(path)


@pytest.mark.parametrize("name", PICTURES)
def test_the_package_gives_the_stored_answers(anew, name):
    assert_same(anew[name], read_answers()[name], BY_PROCESSOR)


def packages_faces(reference, picture, min_face_size):
    """What the package finds; an error of Keras, which some processors get, counts as nothing."""
    try:
        return reference._mtcnn.detect_faces(picture, min_face_size=min_face_size)
    except ValueError as error:
        assert "empty output" in str(error)
        return []


@pytest.mark.parametrize(("min_face_size", "face_height"), [(40, 200), (12, 400)])
def test_the_package_misses_what_the_docs_say(reference, tmp_path, min_face_size, face_height):
    export_models(tmp_path)
    picture = face_frame(320, 240, face_height)
    assert len(OnnxDetector(tmp_path, min_face_size, 1).detect(picture)) == 1
    assert packages_faces(reference, picture, min_face_size) == []


@pytest.mark.skipif(SAMPLE is None, reason="FFPP_SAMPLE names no folder with FaceForensics++ clips")
def test_same_faces_in_real_videos(reference, tmp_path):
    export_models(tmp_path)
    ours = OnnxDetector(tmp_path, 20, 1)
    videos = sorted(Path(SAMPLE).rglob("*.mp4"))[::10]
    faces = 0
    for video in videos:
        for frame in sample_frames(video, 7, 30).frames:
            found = ours.detect(frame.pixels)
            assert_same(found, reference.detect(frame.pixels))
            faces += len(found)
    assert faces >= len(videos)

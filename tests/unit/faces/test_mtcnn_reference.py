"""The detector agrees with stored detections of the `mtcnn` package."""

import pytest

from tests.detector_answers import ANSWERS, PICTURES, assert_same, read_answers, write_answers
from workflow_scripts.lib.faces.mtcnn import OnnxDetector
from workflow_scripts.lib.faces.mtcnn_export import export_models


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    export_models(folder)
    return folder


@pytest.fixture(scope="module")
def answers():
    return read_answers()


@pytest.mark.parametrize("name", PICTURES)
def test_same_faces(models, answers, name):
    picture = PICTURES[name]
    detections = OnnxDetector(models, picture.min_face_size, 1).detect(picture.draw())
    assert_same(detections, answers[name])
    assert picture.faces is None or len(detections) == picture.faces


def test_every_answer_has_its_picture(answers):
    assert list(answers) == list(PICTURES)


def test_the_answers_are_written_as_they_are_read(answers, tmp_path):
    write_answers(tmp_path / "again.json", answers)
    assert (tmp_path / "again.json").read_text() == ANSWERS.read_text()

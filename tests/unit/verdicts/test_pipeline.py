"""A video and a bundle in, a verdict and its page out."""

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.browser import look_at, needs_chromium
from tests.bundles import members, rewritten, signed, write_small_bundle
from tests.clips import (
    ODD_CLIPS,
    background,
    crowd,
    face_frame,
    paste_face,
    write_clip,
    write_face_clip,
)
from tests.command_line import DEEPFAKE, deepfake
from workflow_scripts.lib.faces.crops import crop_hash
from workflow_scripts.lib.faces.video import sample_to_file
from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.verdicts import pipeline
from workflow_scripts.lib.verdicts.decision import (
    decide,
    deciding_person,
    error_rate_text,
    person_verdict,
    reject_small_faces,
)
from workflow_scripts.lib.verdicts.pipeline import MAX_FACES, run_verdict
from workflow_scripts.lib.verdicts.training_range import range_warnings

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "config/schemas/verdict.schema.json").read_text())
EVIL = "<script>document.title='run'<%2fscript>.mp4"
POINTS = {
    "low": 0.4,
    "high": 0.6,
    "real_called_fake": {
        **{"expected": 0.05, "low": 0.004, "high": 0.3},
        **{"wrong": 0, "videos": 19, "groups": 9},
    },
    "fake_called_real": {
        **{"expected": 0.12, "low": 0.02, "high": 0.4},
        **{"wrong": 1, "videos": 20, "groups": 1},
    },
}
CARD = {
    "crops": {"sampling": {"frames": 7}},
    "operating_points": POINTS,
    "calibration": {"slope": 1.0, "intercept": 0.0, "videos": 39, "groups": 8},
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("trees"))


@pytest.fixture(scope="module")
def linear_bundle(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("linear"), "logistic_regression")


@pytest.fixture(scope="module")
def pixel_bundle(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("pixels"), "pixel_forest", "pixels")


def judge(video, bundle, folder, *options):
    """The verdict of the command, checked against the published schema."""
    assert deepfake("judge", video, "--model", bundle, "--output", folder, *options) == 0
    verdict = json.loads((folder / "verdict.json").read_text())
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(verdict)
    return verdict


@pytest.mark.parametrize("model", ["extra_trees", "logistic_regression"])
def test_a_model_of_arrays_judges_without_heavy_imports(model, tmp_path):
    every_set = "+".join(name for name in FEATURE_SETS if name != "pixels")
    video = tmp_path / "face.mp4"
    write_face_clip(video)
    bundle = write_small_bundle(tmp_path, model, every_set)
    script = (
        "import sys\n"
        "from tests.command_line import deepfake\n"
        "status = deepfake('judge', *sys.argv[1:])\n"
        "heavy = {'numba', 'pandas', 'scipy', 'skimage', 'sklearn', 'skops', 'zarr', 'networkx',\n"
        "         'pydantic', 'rich'}\n"
        "print(status, sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, video, "--model", bundle, "--output", tmp_path / "v"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "0 []", ended.stderr
    assert json.loads((tmp_path / "v/verdict.json").read_text())["people"]


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0.6, "fake"), (0.59, "undetermined"), (0.4, "undetermined"), (0.39, "real")],
)
def test_a_score_is_decided_by_the_operating_points(score, expected):
    assert decide(score, POINTS) == expected
    assert person_verdict(np.full(3, score), CARD, 0.0)["verdict"] == expected


def test_too_few_faces_are_undetermined_and_have_no_probability():
    result = person_verdict(np.array([1.0, 1.0]), CARD, 0.0)
    assert (result["verdict"], result["probability"]) == ("undetermined", None)
    assert result["reason"].startswith(
        "Not judged: too few usable faces: 2, and at least 3 are needed"
    )


def person(number, score, size):
    return {"person": number, "score": score, "measurements": {"face_size": size}}


def test_who_is_far_smaller_than_another_is_not_judged():
    result = reject_small_faces([person(1, 0.2, 240.0), person(2, 0.9, 79.0), person(3, 0.5, 81.0)])
    assert [p["score"] for p in result] == [0.2, None, 0.5]
    assert result[1]["reason"] == (
        "Not judged: the face is too small: 79 pixels wide, less than a third of the largest "
        "face's 240."
    )
    assert deciding_person(result)["person"] == 3


def test_who_is_seen_too_seldom_makes_nobody_small():
    people = [person(1, 0.2, 80.0), person(2, None, 600.0)]
    assert reject_small_faces(people) == people
    assert reject_small_faces([]) == []


@given(st.lists(st.tuples(st.floats(0, 1) | st.none(), st.floats(1, 1000)), max_size=5))
def test_the_largest_of_those_with_a_score_keeps_it(drawn):
    people = [person(n, score, size) for n, (score, size) in enumerate(drawn)]
    scored = [p for p in people if p["score"] is not None]
    result = reject_small_faces(people)
    if scored:
        largest = max(scored, key=lambda p: p["measurements"]["face_size"])
        assert result[largest["person"]] == largest
    assert reject_small_faces(result) == result


def test_the_most_suspicious_person_decides():
    people = [{"person": n, "score": score} for n, score in enumerate([None, 0.2, 0.9, 0.5])]
    assert deciding_person(people)["person"] == 2
    assert deciding_person(people[:1])["person"] == 0
    assert deciding_person([]) is None


def test_words_count_as_people_do():
    assert error_rate_text("fake", 0.7, POINTS) == (
        "Of 100 real videos of unseen people, about 5 would be called fake (interval 0 to 30; "
        "the threshold was set on 19 real videos of 9 groups of people, of which 0 lie beyond it)."
    )
    assert "about 12 would be called real" in error_rate_text("real", 0.1, POINTS)
    assert "20 fakes of 1 group of people, of which 1 lies" in error_rate_text("real", 0.1, POINTS)
    assert "Between the thresholds" in error_rate_text("undetermined", 0.5, POINTS)
    assert error_rate_text("undetermined", None, POINTS) == ""


@given(st.lists(st.floats(0, 1), min_size=3, max_size=7))
def test_no_probability_is_surer_than_its_groups_of_people(scores):
    result = person_verdict(np.array(scores), CARD, 0.0)
    assert 0.1 <= result["probability"] <= 0.9  # eight groups that went one way leave one of ten
    assert person_verdict(np.ones(3), CARD, 0.0)["probability"] == 0.9


def test_what_lies_outside_of_the_training_is_told():
    ranges = {"face_size": {"low": 100.0, "high": 200.0, "people": 9}}
    assert range_warnings({"face_size": 150.0}, ranges) == []
    assert range_warnings({"face_size": None}, ranges) == []
    assert range_warnings({"face_size": 50.0}, ranges) == [
        "The face is 50 pixels wide; in the training videos it is typically 100 to 200. The model "
        "was not trained on such videos."
    ]


@pytest.mark.parametrize("kind", ["bundle", "linear_bundle", "pixel_bundle"])
def test_contributions_add_up_to_the_score(kind, tmp_path, request, capsys):
    write_face_clip(tmp_path / "clip.mp4", 20)
    verdict = judge(tmp_path / "clip.mp4", request.getfixturevalue(kind), tmp_path)
    (person,) = verdict["people"]
    assert len(person["faces"]) == 3
    evidence = person["evidence"]
    total = evidence["bias"] + sum(part["contribution"] for part in evidence["contributions"])
    assert total == pytest.approx(person["score"], abs=1e-5)
    output = capsys.readouterr().out
    assert verdict["verdict"].upper() in output
    assert "not proof" in output
    assert "nothing outside the demo" in output
    assert "mean nothing outside the demo" in (tmp_path / "verdict.html").read_text()


def test_a_model_that_is_not_of_arrays_judges_without_evidence(tmp_path):
    write_face_clip(tmp_path / "clip.mp4", 20)
    bundle = write_small_bundle(tmp_path, "nearest_neighbours")
    (person,) = judge(tmp_path / "clip.mp4", bundle, tmp_path)["people"]
    assert person["score"] is not None
    assert person["evidence"] is None
    assert "Contributions to" not in (tmp_path / "verdict.html").read_text()


def test_more_frames_when_asked(bundle, tmp_path):
    write_face_clip(tmp_path / "clip.mp4", 20)
    verdict = judge(tmp_path / "clip.mp4", bundle, tmp_path, "--frames", "9", "--stride", "2")
    assert [frame["index"] for frame in verdict["sampling"]["frames"]] == list(range(0, 18, 2))


def test_frames_spread_over_the_whole_video_when_asked(bundle, tmp_path, capsys):
    write_face_clip(tmp_path / "clip.mp4", 50)
    verdict = judge(tmp_path / "clip.mp4", bundle, tmp_path)
    sentence = "nothing after that, up to 1.7 s. To examine the whole video"
    for text in (
        verdict["frames_examined"],
        capsys.readouterr().out,
        (tmp_path / "verdict.html").read_text(),
    ):
        assert sentence in text
    verdict = judge(tmp_path / "clip.mp4", bundle, tmp_path, "--stride", "spread")
    assert verdict["sampling"]["stride"] is None
    assert [frame["index"] for frame in verdict["sampling"]["frames"]] == [8, 25, 41]
    assert verdict["frames_examined"].endswith("spread over all 50.")


@pytest.mark.parametrize(
    "options",
    [
        ["--frames", "0"],
        ["--frames", "2"],
        ["--frames", "1" + "0" * 20],
        ["--stride", "-1"],
        ["--stride", "seldom"],
        ["--stride", "1000001"],
    ],
)
def test_what_cannot_be_asked_for_is_refused(bundle, tmp_path, options, capsys):
    write_face_clip(tmp_path / "clip.mp4", 20)
    command = [tmp_path / "clip.mp4", "--model", bundle, "--output", tmp_path / "v"]
    status = deepfake("judge", *command, *options)
    output = capsys.readouterr().err
    assert status
    assert "not a whole number from 1 to 1000000" in output or "Ask for 3 frames or more" in output


def test_a_video_of_the_training_is_known_again(tmp_path):
    bundle = write_small_bundle(tmp_path)
    write_face_clip(tmp_path / "clip.mp4", 20)
    assert judge(tmp_path / "clip.mp4", bundle, tmp_path)["in_training"] is False
    (faces,) = run_verdict(tmp_path / "clip.mp4", bundle, None, None, 1).people
    marks = [crop_hash(faces[1].pixels)]  # one is enough: others may be cut a pixel off elsewhere
    rewritten(bundle, signed(members(bundle), trained_on=marks))
    verdict = judge(tmp_path / "clip.mp4", bundle, tmp_path)
    assert verdict["in_training"] is True
    assert verdict["warnings"][0].startswith("The model was trained on this very video")


def test_a_file_that_is_far_smaller_than_those_of_the_training_is_told(bundle, tmp_path):
    rng, picture = np.random.default_rng(0), face_frame().astype(int)
    noisy = (picture + rng.normal(0, 4, picture.shape) for _ in range(20))
    write_clip(tmp_path / "as_usual.mp4", (np.clip(p, 0, 255).astype(np.uint8) for p in noisy))
    write_face_clip(tmp_path / "small.mp4", 200, options={"crf": "40"})
    for name, warned in (("as_usual", False), ("small", True)):
        verdict = judge(tmp_path / f"{name}.mp4", bundle, tmp_path)
        (person,) = verdict["people"]
        assert person["measurements"]["bits_per_pixel"] > 0
        warnings = " ".join(verdict["warnings"])
        assert ("The size of the file (compression lowers it)" in warnings) == warned, warnings


def test_several_people_are_judged_each_by_themselves(bundle, tmp_path):
    picture = paste_face(face_frame(640, 360, 150, (160, 180)), 90, (480, 200))
    write_face_clip(tmp_path / "clip.mp4", 12, picture)
    verdict = judge(tmp_path / "clip.mp4", bundle, tmp_path)
    assert [len(person["faces"]) for person in verdict["people"]] == [3, 3]
    deciding = max(verdict["people"], key=lambda person: person["score"])
    assert (verdict["person"], verdict["score"]) == (deciding["person"], deciding["score"])
    assert "2 people were judged" in verdict["warnings"][0]


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_who_lies_on_the_side_or_stands_on_the_head_is_not_judged(bundle, tmp_path, quarters):
    picture = np.rot90(face_frame(320, 320, 140), quarters)
    write_face_clip(tmp_path / "clip.mp4", 12, picture)
    verdict = judge(tmp_path / "clip.mp4", bundle, tmp_path)
    assert (verdict["score"] is None) == (quarters > 0)
    if quarters:
        assert verdict["verdict"] == "undetermined"
        assert "Rotate the video" in verdict["reason"] or "picture turned" in verdict["reason"]


def test_a_file_that_changes_while_it_is_looked_at_is_not_judged(bundle, tmp_path, monkeypatch):
    clip = tmp_path / "clip.mp4"
    write_face_clip(clip, 12)

    def slow(*arguments):
        sample_to_file(*arguments)
        clip.write_bytes(clip.read_bytes() + b"more")

    monkeypatch.setattr(pipeline, "sample_to_file", slow)
    verdict = run_verdict(clip, bundle, None, None, 1).verdict
    assert verdict["sampling"]["status"] == "unreadable"
    assert "changed while it was being read" in verdict["reason"]


def test_that_there_are_several_videos_is_told(bundle, tmp_path):
    ODD_CLIPS["two_streams"].make(tmp_path / "clip.mp4")
    verdict = judge(tmp_path / "clip.mp4", bundle, tmp_path)
    assert "has 2 videos. Number 1" in verdict["warnings"][0]


def test_a_tiny_face_beside_a_large_one_decides_nothing(bundle, tmp_path):
    picture = paste_face(face_frame(640, 360, 180, (160, 180)), 50, (560, 80))
    write_face_clip(tmp_path / "clip.mp4", 12, picture)
    verdict = judge(tmp_path / "clip.mp4", bundle, tmp_path)
    large, tiny = verdict["people"]
    assert [len(person["faces"]) for person in (large, tiny)] == [3, 3]
    assert (tiny["score"], verdict["person"]) == (None, 1)
    assert "too small" in tiny["reason"]
    assert "1 of 2 people were not judged" in verdict["warnings"][0]
    assert "Person 2: not judged" in (tmp_path / "verdict.html").read_text()


def test_of_a_crowd_the_largest_faces_are_looked_at(bundle, tmp_path):
    write_clip(tmp_path / "crowd.mp4", [crowd(480, 360)] * 12)
    verdict = judge(tmp_path / "crowd.mp4", bundle, tmp_path)
    faces_per_frame = Counter(
        face["index"] for person in verdict["people"] for face in person["faces"]
    )
    assert set(faces_per_frame.values()) == {MAX_FACES}
    assert "only the 50 largest were examined" in verdict["warnings"][0]


def test_nobody_in_it_is_undetermined(bundle, tmp_path):
    write_clip(tmp_path / "wall.mp4", [background()] * 12)
    verdict = judge(tmp_path / "wall.mp4", bundle, tmp_path)
    assert (verdict["verdict"], verdict["person"]) == ("undetermined", None)


def test_what_is_no_video_is_a_failure_without_a_verdict(bundle, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("text")
    options = ["--model", bundle, "--output", tmp_path / "out"]
    assert deepfake("judge", tmp_path / "text.mp4", *options) == 1
    output = capsys.readouterr().err.splitlines()[-1]
    assert "text.mp4" in output
    assert str(tmp_path) not in output
    assert not list((tmp_path / "out").iterdir())


def test_what_was_mistyped_costs_no_earlier_verdict(bundle, tmp_path, capsys):
    clip, folder = tmp_path / "clip.mp4", tmp_path / "out"
    write_face_clip(clip, 12)
    judge(clip, bundle, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for video, model, message in (
        (tmp_path / "clap.mp4", bundle, "clap.mp4 does not exist"),
        (clip, tmp_path / "bundel.zip", "bundel.zip does not exist"),
        (tmp_path, bundle, "is a folder. All its videos are judged by `snakemake verdicts"),
        (clip, bundle.parent / "model.zip", "Name a bundle.zip"),
    ):
        assert deepfake("judge", video, "--model", model, "--output", folder) == 1
        assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_failure_leaves_no_verdict_on_another_video(bundle, tmp_path):
    write_face_clip(tmp_path / "clip.mp4", 12)
    judge(tmp_path / "clip.mp4", bundle, tmp_path / "out")
    (tmp_path / "text.mp4").write_text("text")
    options = ["--model", bundle, "--output", tmp_path / "out"]
    assert deepfake("judge", tmp_path / "text.mp4", *options) == 1
    assert not list((tmp_path / "out").iterdir())


def test_where_nothing_can_be_written_is_told_before_the_work(bundle, tmp_path, capsys):
    write_face_clip(tmp_path / "clip.mp4", 12)
    (tmp_path / "file").write_text("")
    options = ["--model", bundle, "--output", tmp_path / "file"]
    assert deepfake("judge", tmp_path / "clip.mp4", *options) == 1
    output = capsys.readouterr().err
    assert "Give another --output" in output
    assert "Reading" not in output


def test_whoever_reads_no_further_and_ctrl_c_get_no_traceback(bundle, tmp_path):
    write_face_clip(tmp_path / "clip.mp4", 12)
    command = [*DEEPFAKE, "judge", str(tmp_path / "clip.mp4")]
    command += ["--model", str(bundle), "--output", str(tmp_path / "out")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        started.stdout.close()
        output = started.stderr.read()
    assert (tmp_path / "out/verdict.html").exists()
    assert "Error" not in output
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        first = started.stderr.readline()
        started.send_signal(signal.SIGINT)
        output = first + started.stderr.read()
    assert started.returncode == -signal.SIGINT
    assert "Traceback" not in output


@needs_chromium
def test_the_page_in_a_browser(pixel_bundle, tmp_path):
    video = tmp_path / EVIL
    write_face_clip(video, 20)
    judge(video, pixel_bundle, tmp_path)
    question = (
        "return [[...document.images].map(image => image.naturalWidth > 0 ? 1 : 0).join(''),"
        "document.scripts.length, document.documentElement.scrollWidth <= innerWidth].join(' ')"
    )
    answer, text, asked = look_at(tmp_path / "verdict.html", question, tmp_path, 500)
    pictures, scripts, fits = answer.split()
    assert len(pictures) == 3 + 3 + 2  # frames, crops, heat maps
    assert "0" not in pictures
    assert scripts == "2"  # the page's own and the question: none came of the file's name
    assert fits == "true"
    assert "&lt;script&gt;document.title" in text
    assert asked == []


def test_the_page_names_no_other_file(bundle, tmp_path):
    write_face_clip(tmp_path / "clip.mp4", 20)
    judge(tmp_path / "clip.mp4", bundle, tmp_path)
    text = (tmp_path / "verdict.html").read_text()
    assert "default-src 'none'" in text
    assert not re.search(r'(?:src|href)="(?!data:image/jpeg;base64,)', text)
    assert "url(" not in text

"""From a video and a model bundle to a verdict: sample, detect, crop, features, scores, people."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.common.files import sha256, stamp
from workflow_scripts.lib.faces.crops import (
    MAX_ROLL,
    NO_FACE,
    FaceCrop,
    crop_mark,
    cut_face,
    face_roll,
)
from workflow_scripts.lib.faces.frames import Frame, SampledVideo, load_frames
from workflow_scripts.lib.faces.mtcnn import FaceDetector, make_detector
from workflow_scripts.lib.faces.status import VideoStatus
from workflow_scripts.lib.faces.video import sample_to_file
from workflow_scripts.lib.features import recipe
from workflow_scripts.lib.training.array_models import ArrayModel
from workflow_scripts.lib.training.model_files import fake_scores
from workflow_scripts.lib.verdicts.attributions import column_groups, group_moves
from workflow_scripts.lib.verdicts.bundle import Bundle, read_bundle
from workflow_scripts.lib.verdicts.decision import (
    CAUTION,
    Verdict,
    about_model,
    most_suspicious,
    operating_words,
    person_verdict,
    without_small,
)
from workflow_scripts.lib.verdicts.frame_plan import SPREAD, Wanted, check_enough, wanted_frames
from workflow_scripts.lib.verdicts.inputs import shown
from workflow_scripts.lib.verdicts.tracks import follow
from workflow_scripts.lib.verdicts.training_range import measure, outside

__all__ = ["FAILURES", "NOT_JUDGED", "Judgement", "called", "judge_video"]

FORMAT = 2  # of a verdict, see config/schemas/verdict.schema.json
FAILURES = (VideoStatus.MISSING, VideoStatus.UNREADABLE, VideoStatus.TOO_COSTLY)
NOT_JUDGED = "not judged"
ON_WHOLE = (
    f"To look at all of it, ask for frames that are {SPREAD} (--every {SPREAD}, or "
    f"judge_every={SPREAD} for many videos)."
)
MOST_FACES = 50  # of a frame, the largest; a warning tells of frames with more
REMEDY = (
    "ask for fewer frames or for nearer ones (--frames and --every; for many videos, judge_frames "
    "and judge_every)"
)
DIGITS = 6


@dataclass(frozen=True)
class Judgement:
    """A verdict (as it stands in `verdict.json`), and the pictures that it rests on: the sampled
    frames, and each person's faces in the verdict's order."""

    verdict: dict[str, Any]
    frames: tuple[Frame, ...]
    people: list[list[FaceCrop]]


def called(verdict: dict[str, Any]) -> str:
    """What people are told: the verdict, or `NOT_JUDGED` of a file that could not be looked at."""
    return NOT_JUDGED if verdict["sampling"]["status"] in FAILURES else str(verdict["verdict"])


def judge_video(
    video: Path, bundle_path: Path, frames: int | None, every: int | str | None, threads: int
) -> Judgement:
    """Judge one video with nothing but a bundle.

    `frames` and `every` are the number of sampled frames and their distance in frames; None takes
    what the model was trained with. `SPREAD` for `every` spreads them over the whole video.

    Raises
    ------
    UserError
        The bundle can't be used, or so few frames can't be judged. What is wrong with the video is
        said in the verdict.
    """
    with tempfile.TemporaryDirectory() as scratch:
        bundle = read_bundle(bundle_path, Path(scratch))
        settings = bundle.card["crops"]
        check_enough(frames, settings["sampling"])
        wanted = wanted_frames(frames, every, settings["sampling"])
        logging.info("Reading %d frames of %s", wanted.frames, shown(str(video)))
        known, sha256 = stamp(video), _checksum(video)
        sampled = _sample(video, Path(scratch), wanted)
        if stamp(video) != known:  # the checksum would stand for another file
            detail = f"{shown(video.name)!r} was changed while it was looked at: judge it again."
            sampled = SampledVideo(VideoStatus.UNREADABLE, detail, 0.0, ())
        detector = make_detector(
            "onnxruntime", bundle.networks, settings["detector"]["min_face_size"], threads
        )
        people = follow(
            [
                _faces(frame, detector, settings["faces"], f"{number} of {len(sampled.frames)}")
                for number, frame in enumerate(sampled.frames, start=1)
            ]
        )
        told = without_small(
            [
                _judge_person(number, faces, sampled.bits_per_pixel, bundle)
                for number, faces in enumerate(people, 1)
            ]
        )
    verdict = {
        "format": FORMAT,
        "video": {"name": shown(video.name), "sha256": sha256},
        **_answer(told, people, sampled, bundle),
        "scope": _scope(sampled, wanted),
        "sampling": {
            "status": sampled.status,
            "detail": sampled.detail,
            "fps": round(sampled.fps, 3),
            "frames_declared": sampled.declared,
            "frames_wanted": wanted.frames,
            "every": wanted.every,
            "frames": [
                {"index": frame.index, "time_s": round(frame.time_s, 3)} for frame in sampled.frames
            ],
        },
        "people": told,
        "model": about_model(bundle.card, bundle.evaluation, bundle.version, bundle.made),
        "caution": CAUTION,
    }
    return Judgement(verdict, sampled.frames, people)


def _sample(video: Path, scratch: Path, wanted: Wanted) -> SampledVideo:
    """Sample in a child process. What is said of the video names the file without its folders,
    which are nobody's business."""
    path = scratch / "frames.npz"
    sample_to_file(
        video,
        path,
        wanted.frames,
        wanted.every,
        wanted.max_seconds,
        wanted.max_memory_mb,
        REMEDY,
    )
    sampled = load_frames(path)
    named = sampled.detail.replace(repr(str(video)), repr(shown(video.name)))
    return replace(sampled, detail=named)


def _scope(sampled: SampledVideo, wanted: Wanted) -> str:
    """Which part of the video was looked at, and how to see more; "" where no frame was."""
    if not sampled.frames:
        return ""
    first, last = sampled.frames[0], sampled.frames[-1]
    looked = f"One frame was looked at, at {first.time_s:.1f} s"
    if last is not first:
        between = f"between {first.time_s:.1f} and {last.time_s:.1f} s"
        looked = f"{len(sampled.frames)} frames {between} were looked at"
    if wanted.every is None:
        return f"{looked}, spread over all {sampled.declared}."
    unseen = sampled.declared - 1 - last.index
    if unseen < wanted.every or not sampled.fps:
        return f"{looked}, of {sampled.declared}."
    whole = sampled.declared / sampled.fps
    return f"{looked}, and nothing of what follows, up to {whole:.1f} s. {ON_WHOLE}"


def _faces(
    frame: Frame, detector: FaceDetector, faces: dict[str, Any], progress: str
) -> list[FaceCrop]:
    """The `MOST_FACES` largest faces of a frame that the detector is sure of, largest first."""
    found = [d for d in detector.detect(frame.pixels) if d.confidence >= faces["confidence"]]
    found.sort(key=lambda d: d.box[2] * d.box[3], reverse=True)
    logging.info("Looked for faces in frame %s: %d found", progress, len(found))
    return [
        cut_face(
            frame,
            detection,
            len(found),
            face_roll(frame.pixels, detection, detector),
            faces["scale"],
            faces["size"],
        )
        for detection in found[:MOST_FACES]
    ]


def _judge_person(
    number: int, faces: list[FaceCrop], bits_per_pixel: float, bundle: Bundle
) -> dict[str, Any]:
    features = bundle.card["features"]
    results = [face.result for face in faces]
    crops = np.stack([face.pixels for face in faces])
    matrix = recipe(features["name"], features["resize"])(crops)
    scores = fake_scores(bundle.model, matrix)
    measured = measure(
        crops,
        np.array([result.box for result in results]),
        np.array([result.index for result in results]),
        np.array([result.time_s for result in results]),
        bits_per_pixel,
    )
    return {
        "person": number,
        **person_verdict(scores, bundle.card, _turned(faces)),
        "measured": measured,
        "warnings": outside(measured, bundle.ranges),
        "faces": [
            {
                "index": result.index,
                "time_s": round(result.time_s, 3),
                "box": result.box,
                "confidence": round(result.confidence or 0.0, DIGITS),
                "score": round(float(score), DIGITS),
            }
            for result, score in zip(results, scores, strict=True)
        ],
        "evidence": _evidence(matrix, crops.shape[1], bundle),
    }


def _turned(faces: list[FaceCrop]) -> float:
    """The angle by which most of a person's faces are turned, degrees, if that is much; else 0."""
    typical = float(np.median([abs(face.result.roll or 0.0) for face in faces]))
    return typical if typical > MAX_ROLL else 0.0


def _evidence(matrix: np.ndarray, size: int, bundle: Bundle) -> dict[str, Any] | None:
    """What moved the score, by group of columns, beside what moves that of real videos. None for a
    model that is not kept as arrays."""
    if not isinstance(bundle.model, ArrayModel):
        return None
    bias, moves = bundle.model.contributions(matrix)
    features = bundle.card["features"]
    groups = column_groups(features["name"], features["resize"] or size)
    typical = bundle.typical_real["moves"]
    return {
        "bias": bias,
        "moves": [
            {"name": name, "move": move, "typical_real": typical.get(name)}
            for name, move in group_moves(moves, groups).items()
        ],
    }


def _answer(
    people: list[dict[str, Any]],
    faces: list[list[FaceCrop]],
    sampled: SampledVideo,
    bundle: Bundle,
) -> dict[str, Any]:
    """The video's own verdict, and what has to be said with it."""
    points = bundle.card["operating_points"]
    marks = {crop_mark(face.pixels) for person in faces for face in person}
    in_training = not marks.isdisjoint(bundle.trained_on)
    crowded = any(face.result.faces > MOST_FACES for person in faces for face in person)
    notes = [sampled.note] if sampled.note else []
    worst = most_suspicious(people)
    if worst is None:
        return {
            "verdict": Verdict.UNDETERMINED,
            "probability": None,
            "score": None,
            "person": None,
            "reason": sampled.detail if sampled.status in FAILURES else NO_FACE,
            "how_often_wrong": "",
            "in_training": in_training,
            "warnings": notes + _warnings([], in_training, crowded, bundle),
        }
    return {
        **{key: worst[key] for key in ("verdict", "probability", "score", "person", "reason")},
        "how_often_wrong": operating_words(worst["verdict"], worst["score"], points),
        "in_training": in_training,
        "warnings": notes + _warnings(people, in_training, crowded, bundle) + worst["warnings"],
    }


def _warnings(
    people: list[dict[str, Any]], in_training: bool, crowded: bool, bundle: Bundle
) -> list[str]:
    said = []
    if in_training:
        said.append(
            "The model was trained on this very video: it knows the answer by heart, and the "
            "verdict says nothing of what it makes of videos that it has not seen."
        )
    if crowded:
        said.append(
            f"There are more than {MOST_FACES} faces in a frame: only the {MOST_FACES} largest "
            "were looked at."
        )
    judged = sum(person["score"] is not None for person in people)
    if judged > 1:
        said.append(
            f"{judged} people were judged, and the verdict is the most suspicious one's: with each "
            "further person a real video is more often called fake."
        )
    if 0 < judged < len(people):
        said.append(
            f"Not judged, being too small, turned or seen too seldom: {len(people) - judged} of "
            f"{len(people)} people. The verdict tells nothing of them."
        )
    if bundle.evaluation["leak"] != "no":
        said.append(
            f"The model was evaluated under the protocol {bundle.evaluation['protocol']}, where "
            "the same people may stand in training and test: its figures are too good."
        )
    return said


def _checksum(video: Path) -> str | None:
    """Ties the verdict to one file; None where it can't be read."""
    try:
        return sha256(video) if video.is_file() else None
    except OSError:
        return None

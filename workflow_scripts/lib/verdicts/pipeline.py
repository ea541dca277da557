"""From a video and a model bundle to a verdict: frames, faces, features, scores, people."""

import contextlib
import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.common.files import sha256, stamp
from workflow_scripts.lib.common.labels import LeakStatus
from workflow_scripts.lib.faces.crops import (
    MAX_ROLL,
    NO_FACE,
    FaceCrop,
    crop_face,
    crop_hash,
    face_roll,
)
from workflow_scripts.lib.faces.frames import Frame, SampledVideo, load_frames
from workflow_scripts.lib.faces.mtcnn import FaceDetector, make_detector
from workflow_scripts.lib.faces.status import VideoStatus
from workflow_scripts.lib.faces.video import sample_to_file
from workflow_scripts.lib.features import recipe
from workflow_scripts.lib.training.array_models import ArrayModel
from workflow_scripts.lib.training.model_files import fake_scores
from workflow_scripts.lib.verdicts.attributions import column_groups, group_contributions
from workflow_scripts.lib.verdicts.bundle import Bundle, read_bundle
from workflow_scripts.lib.verdicts.decision import (
    DISCLAIMER,
    Verdict,
    deciding_person,
    describe_model,
    error_rate_text,
    person_verdict,
    reject_small_faces,
)
from workflow_scripts.lib.verdicts.frame_plan import (
    SPREAD,
    FramePlan,
    check_frame_count,
    plan_frames,
)
from workflow_scripts.lib.verdicts.inputs import printable_name
from workflow_scripts.lib.verdicts.tracks import link_faces
from workflow_scripts.lib.verdicts.training_range import measure, range_warnings

FORMAT = 3  # of a verdict, see config/schemas/verdict.schema.json
FAILURES = (VideoStatus.MISSING, VideoStatus.UNREADABLE, VideoStatus.TOO_COSTLY)
NOT_JUDGED = "not judged"
WHOLE_VIDEO_HINT = (
    f"To examine the whole video, spread the frames (--stride {SPREAD}, or "
    f"judge_stride={SPREAD} for many videos)."
)
MAX_FACES = 50  # per frame, the largest; a warning reports frames with more
REMEDY = (
    "ask for fewer frames or closer ones (--frames and --stride; for many videos, judge_frames "
    "and judge_stride)"
)
DIGITS = 6


@dataclass(frozen=True)
class VerdictResult:
    """A verdict (the content of `verdict.json`), the sampled frames, and each person's faces in the
    verdict's order."""

    verdict: dict[str, Any]
    frames: tuple[Frame, ...]
    people: list[list[FaceCrop]]


def outcome(verdict: dict[str, Any]) -> str:
    """The outcome to display: the verdict, or `NOT_JUDGED` if the file could not be read."""
    return NOT_JUDGED if verdict["sampling"]["status"] in FAILURES else str(verdict["verdict"])


def run_verdict(
    video: Path, bundle_path: Path, frames: int | None, stride: int | str | None, threads: int
) -> VerdictResult:
    """Make the verdict on one video from a bundle alone.

    `frames` and `stride` are the number of sampled frames and their distance, see `plan_frames`.

    Raises
    ------
    UserError
        The bundle can't be used, or a verdict needs more frames. Problems with the video are
        reported in the verdict instead.
    """
    with tempfile.TemporaryDirectory() as scratch:
        bundle = read_bundle(bundle_path, Path(scratch))
        settings = bundle.card["crops"]
        check_frame_count(frames, settings["sampling"])
        plan = plan_frames(frames, stride, settings["sampling"])
        logging.info("Reading %d frames of %s", plan.frames, printable_name(str(video)))
        checksum, sampled = _sample(video, Path(scratch), plan)
        detector = make_detector(
            "onnxruntime", bundle.networks, settings["detector"]["min_face_size"], threads
        )
        faces = []
        for number, frame in enumerate(sampled.frames, start=1):
            faces.append(_detect_faces(frame, detector, settings["faces"]))
            logging.info(
                "Frame %d of %d: %d faces to examine", number, len(sampled.frames), len(faces[-1])
            )
    tracks = link_faces(faces)
    people = reject_small_faces(
        [
            _person_result(number, track, sampled.bits_per_pixel, bundle)
            for number, track in enumerate(tracks, start=1)
        ]
    )
    verdict = {
        "format": FORMAT,
        "video": {"name": printable_name(video.name), "sha256": checksum},
        **_video_verdict(people, tracks, sampled, bundle),
        "frames_examined": _frames_examined(sampled, plan),
        "sampling": {
            "status": sampled.status,
            "detail": sampled.detail,
            "fps": round(sampled.fps, 3),
            "frames_declared": sampled.declared,
            "frames_wanted": plan.frames,
            "stride": plan.stride,
            "frames": [
                {"index": frame.index, "time_s": round(frame.time_s, 3)} for frame in sampled.frames
            ],
        },
        "people": people,
        "model": describe_model(bundle.card, bundle.evaluation, bundle.version, bundle.made),
        "disclaimer": DISCLAIMER,
    }
    return VerdictResult(verdict, sampled.frames, tracks)


def _sample(video: Path, scratch: Path, plan: FramePlan) -> tuple[str | None, SampledVideo]:
    """The file's SHA-256 (None if unreadable) and its frames, sampled in a child process; no frames
    if the file changes meanwhile, because the checksum would be another file's.

    Messages name the file without its folders, which are private.
    """
    before, checksum = stamp(video), None
    with contextlib.suppress(OSError):
        checksum = sha256(video) if video.is_file() else None
    path, name = scratch / "frames.npz", repr(printable_name(video.name))
    limits = (plan.max_seconds, plan.max_memory_mb)
    sample_to_file(video, path, plan.frames, plan.stride, *limits, REMEDY)
    sampled = load_frames(path)
    if stamp(video) != before:
        detail = f"{name} changed while it was being read: judge it again."
        return checksum, SampledVideo(VideoStatus.UNREADABLE, detail, 0.0, ())
    return checksum, replace(sampled, detail=sampled.detail.replace(repr(str(video)), name))


def _frames_examined(sampled: SampledVideo, plan: FramePlan) -> str:
    """Which part of the video was examined, and how to examine more; "" without frames."""
    if not sampled.frames:
        return ""
    first, last = sampled.frames[0], sampled.frames[-1]
    examined = f"One frame was examined, at {first.time_s:.1f} s"
    if last is not first:
        between = f"between {first.time_s:.1f} and {last.time_s:.1f} s"
        examined = f"{len(sampled.frames)} frames {between} were examined"
    if plan.stride is None:
        return f"{examined}, spread over all {sampled.declared}."
    remaining = sampled.declared - 1 - last.index
    if remaining < plan.stride or not sampled.fps:
        return f"{examined}, of {sampled.declared}."
    length = sampled.declared / sampled.fps
    return f"{examined}, and nothing after that, up to {length:.1f} s. {WHOLE_VIDEO_HINT}"


def _detect_faces(frame: Frame, detector: FaceDetector, faces: dict[str, Any]) -> list[FaceCrop]:
    """Cut the `MAX_FACES` largest faces with sufficient confidence from a frame, largest first."""
    detections = [d for d in detector.detect(frame.pixels) if d.confidence >= faces["confidence"]]
    detections.sort(key=lambda d: d.box[2] * d.box[3], reverse=True)
    return [
        crop_face(
            frame,
            detection,
            len(detections),
            face_roll(frame.pixels, detection, detector),
            faces["scale"],
            faces["size"],
        )
        for detection in detections[:MAX_FACES]
    ]


def _person_result(
    number: int, faces: list[FaceCrop], bits_per_pixel: float, bundle: Bundle
) -> dict[str, Any]:
    features = bundle.card["features"]
    results = [face.result for face in faces]
    crops = np.stack([face.pixels for face in faces])
    matrix = recipe(features["name"], features["resize"])(crops)
    scores = fake_scores(bundle.model, matrix)
    roll = float(np.median([abs(result.roll or 0.0) for result in results]))
    measurements = measure(
        crops,
        np.array([result.box for result in results]),
        np.array([result.index for result in results]),
        np.array([result.time_s for result in results]),
        bits_per_pixel,
    )
    return {
        "person": number,
        **person_verdict(scores, bundle.card, roll if roll > MAX_ROLL else 0.0),
        "measurements": measurements,
        "warnings": range_warnings(measurements, bundle.ranges),
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
        "evidence": _attribute(matrix, crops.shape[1], bundle),
    }


def _attribute(matrix: np.ndarray, size: int, bundle: Bundle) -> dict[str, Any] | None:
    """The base value and the contributions to the score by group of columns, here and in typical
    real videos; None for models other than `ArrayModel`."""
    if not isinstance(bundle.model, ArrayModel):
        return None
    base_value, contributions = bundle.model.contributions(matrix)
    features = bundle.card["features"]
    groups = column_groups(features["name"], features["resize"] or size)
    typical_real = bundle.typical_real["contributions"]
    return {
        "bias": base_value,
        "contributions": [
            {"name": name, "contribution": value, "typical_real": typical_real.get(name)}
            for name, value in group_contributions(contributions, groups).items()
        ],
    }


def _video_verdict(
    people: list[dict[str, Any]],
    tracks: list[list[FaceCrop]],
    sampled: SampledVideo,
    bundle: Bundle,
) -> dict[str, Any]:
    """The verdict on the whole video, with warnings."""
    faces = [face for track in tracks for face in track]
    in_training = any(crop_hash(face.pixels) in bundle.trained_on for face in faces)
    crowded = any(face.result.faces > MAX_FACES for face in faces)
    deciding = deciding_person(people) or {
        "verdict": Verdict.UNDETERMINED,
        **dict.fromkeys(("probability", "score", "person")),
        "reason": sampled.detail if sampled.status in FAILURES else NO_FACE,
        "warnings": [],
    }
    points = bundle.card["operating_points"]
    return {
        **{key: deciding[key] for key in ("verdict", "probability", "score", "person", "reason")},
        "error_rate_text": error_rate_text(deciding["verdict"], deciding["score"], points),
        "in_training": in_training,
        "warnings": [
            *filter(None, [sampled.note]),
            *_warnings(people, in_training, crowded, bundle),
            *deciding["warnings"],
        ],
    }


def _warnings(
    people: list[dict[str, Any]], in_training: bool, crowded: bool, bundle: Bundle
) -> list[str]:
    warnings = []
    if in_training:
        warnings.append(
            "The model was trained on this very video. It knows the answer, so the verdict does "
            "not show how it performs on new videos."
        )
    if crowded:
        warnings.append(
            f"A frame has more than {MAX_FACES} faces: only the {MAX_FACES} largest were examined."
        )
    scored = sum(person["score"] is not None for person in people)
    if scored > 1:
        warnings.append(
            f"{scored} people were judged, and the verdict is that of the most suspicious one. The "
            "more people, the more often a real video is called fake."
        )
    if 0 < scored < len(people):
        warnings.append(
            f"{len(people) - scored} of {len(people)} people were not judged, because their faces "
            "are too small, rotated or in too few frames. The verdict says nothing about them."
        )
    if bundle.evaluation["leak"] != LeakStatus.NO:
        warnings.append(
            f"The model was evaluated under the protocol {bundle.evaluation['protocol']}, where "
            "the same people may be in training and test: its results are too optimistic."
        )
    return warnings

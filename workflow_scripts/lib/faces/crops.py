"""From sampled frames to face crops: which face is taken, how it is cut, and what became of each
frame."""

from __future__ import annotations

import cmath
import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.faces.frames import Frame, SampledVideo
from workflow_scripts.lib.faces.mtcnn import Detection, FaceDetector
from workflow_scripts.lib.faces.status import FrameStatus, VideoStatus

__all__ = [
    "FaceCrop",
    "FrameResult",
    "crop_mark",
    "crop_square",
    "cut_face",
    "draw_strip",
    "face_roll",
    "find_faces",
    "roll",
    "save_faces",
    "select_face",
    "status_of",
    "video_status",
]

MAX_ROLL = 45.0  # degrees; faces that are turned further teach nothing, and are not judged
SURE_UPRIGHT = 0.9995  # the detector's confidence; upside down, it was 0.999 at most
AROUND = 2.0  # times a face: what is looked at to see which way up it is, scaled to so many pixels
AROUND_SIZE = 160
NO_FACE = "No face was found in any sampled frame. Is the picture turned, or are the faces tiny?"
CELL = 160  # pixels; width of one frame on the strip
GREEN, ORANGE, GREY = (60, 200, 60), (255, 140, 0), (130, 130, 130)


@dataclass(frozen=True)
class FrameResult:
    """What was found in one frame.

    `faces` counts those at or above the confidence threshold. `box`, `confidence` and `keypoints`
    are the taken face's, or the most confident one's where none was good enough. `square` is
    the region that was cut out: left, top, side, in pixels of the frame. `roll` tells by how many
    degrees the face is turned clockwise, -180 to 180.
    """

    index: int
    time_s: float
    status: FrameStatus
    faces: int
    confidence: float | None = None
    box: tuple[int, int, int, int] | None = None
    keypoints: tuple[tuple[float, float], ...] | None = None
    square: tuple[int, int, int] | None = None
    roll: float | None = None


@dataclass(frozen=True)
class FaceCrop:
    """A face cut out of a frame: pixels (size, size, 3) uint8 RGB, and where it came from."""

    pixels: np.ndarray
    result: FrameResult


def select_face(detections: Sequence[Detection], confidence: float) -> Detection | None:
    """The face to take: the largest box among those at or above the threshold; ties go to the
    more confident, then to the first. None where there is none."""
    sure = [found for found in detections if found.confidence >= confidence]
    return max(sure, key=lambda d: (d.box[2] * d.box[3], d.confidence), default=None)


def roll(keypoints: Sequence[tuple[float, float]]) -> float:
    """By how many degrees a face is turned clockwise, from -180 to 180, by its eyes and mouth;
    `keypoints` are the detector's five (x, y)."""
    left_eye, right_eye, _, left_mouth, right_mouth = (complex(x, y) for x, y in keypoints)
    across = right_eye - left_eye + right_mouth - left_mouth
    down = left_mouth + right_mouth - left_eye - right_eye
    return math.degrees(cmath.phase(across - 1j * down))


def face_roll(image: np.ndarray, face: Detection, detector: FaceDetector) -> float:
    """By how many degrees a face in an image (h, w, 3) is turned clockwise, -180 to 180.

    The keypoints of one that is upside down look upright as a rule, for the detector knows no
    others. So where it is not quite sure, it is shown the face the other way up: one that it finds
    with more confidence then is upside down. (Tried on faces of real clips, 118 upright and 23
    upside down: all told apart.)
    """
    told = roll(face.keypoints)
    if abs(told) > MAX_ROLL or face.confidence >= SURE_UPRIGHT:
        return told
    height, width = image.shape[:2]
    left, top, side = square_around(face.box, AROUND, width, height)
    region = image[top : top + side, left : left + side]
    if side > AROUND_SIZE:
        region = cv2.resize(region, (AROUND_SIZE, AROUND_SIZE), None, 0, 0, cv2.INTER_AREA)
    as_it_is, turned = (
        max((d.confidence for d in detector.detect(np.ascontiguousarray(way))), default=0.0)
        for way in (region, region[::-1, ::-1])
    )
    if turned <= as_it_is:
        return told
    return told - 180 if told > 0 else told + 180


def square_around(
    box: tuple[int, int, int, int], scale: float, width: int, height: int
) -> tuple[int, int, int]:
    """The square (left, top, side) that a crop shows, in pixels.

    Its side is `scale` times the box's longer side, at most the frame's shorter one; it is
    centred on the box and moved as little as needed to lie inside the frame.
    """
    x, y, box_width, box_height = box
    side = max(1, min(round(max(box_width, box_height) * scale), width, height))
    left = round(x + box_width / 2 - side / 2)
    top = round(y + box_height / 2 - side / 2)
    return min(max(left, 0), width - side), min(max(top, 0), height - side), side


def crop_square(image: np.ndarray, square: tuple[int, int, int], size: int) -> np.ndarray:
    """Cut `square` (left, top, side) out of an RGB image (h, w, 3) uint8 and resize it once, to
    (size, size, 3), with PIL's bicubic filter (which averages when it shrinks)."""
    left, top, side = square
    cut = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(cut.resize((size, size), Image.Resampling.BICUBIC))


def find_faces(
    frames: Sequence[Frame],
    detector: FaceDetector,
    confidence: float,
    scale: float,
    size: int,
) -> tuple[list[FrameResult], list[FaceCrop]]:
    """Detect, select and cut a face in each frame. Results are one per frame, crops one per
    frame whose status is `ok`, both in the frames' order."""
    results, crops = [], []
    for frame in frames:
        detections = detector.detect(frame.pixels)
        sure = sum(found.confidence >= confidence for found in detections)
        waiting, turned = list(detections), None
        while taken := select_face(waiting, confidence):
            angle = face_roll(frame.pixels, taken, detector)
            if abs(angle) <= MAX_ROLL:
                crops.append(cut_face(frame, taken, sure, angle, scale, size))
                results.append(crops[-1].result)
                break
            turned = turned or (taken, angle)
            waiting.remove(taken)
        else:
            results.append(_lost(frame, detections, turned, sure))
    return results, crops


def cut_face(
    frame: Frame, detection: Detection, faces: int, angle: float, scale: float, size: int
) -> FaceCrop:
    """Cut one of the `faces` good ones, turned by an angle in degrees, out of a frame."""
    height, width = frame.pixels.shape[:2]
    square = square_around(detection.box, scale, width, height)
    result = FrameResult(
        index=frame.index,
        time_s=frame.time_s,
        status=FrameStatus.OK,
        faces=faces,
        confidence=detection.confidence,
        box=detection.box,
        keypoints=detection.keypoints,
        square=square,
        roll=round(angle, 1),
    )
    return FaceCrop(crop_square(frame.pixels, square, size), result)


def crop_mark(pixels: np.ndarray) -> str:
    """By which a crop is known again, and of which no picture can be made."""
    return hashlib.blake2b(pixels.tobytes(), digest_size=8).hexdigest()


def _lost(
    frame: Frame,
    detections: Sequence[Detection],
    turned: tuple[Detection, float] | None,
    sure: int,
) -> FrameResult:
    """What is said of a frame without a good face, of which `sure` are good but for being turned,
    and of the one that would have been taken by how much."""
    most_confident = max(detections, key=lambda d: d.confidence, default=None)
    seen, angle = turned or (most_confident, None)
    if not seen:
        return FrameResult(frame.index, frame.time_s, FrameStatus.NO_FACE, 0)
    return FrameResult(
        index=frame.index,
        time_s=frame.time_s,
        status=FrameStatus.TURNED if turned else FrameStatus.LOW_CONFIDENCE,
        faces=sure,
        confidence=seen.confidence,
        box=seen.box,
        keypoints=seen.keypoints,
        roll=None if angle is None else round(angle, 1),
    )


def video_status(sampled: SampledVideo, results: Sequence[FrameResult]) -> tuple[VideoStatus, str]:
    """The video's status after the face stage, and a sentence for people (empty when ok)."""
    lost = [result.status for result in results if result.status != FrameStatus.OK]
    if not results or (sampled.status != VideoStatus.OK and not lost):
        return sampled.status, sampled.detail
    if not lost:
        return VideoStatus.OK, ""
    if len(lost) < len(results):
        kept = len(results) - len(lost)
        detail = f"{kept} of {len(results)} sampled frames gave a face."
        short = sampled.status == VideoStatus.TOO_SHORT
        return (
            VideoStatus.TOO_SHORT if short else VideoStatus.PARTIAL,
            f"{sampled.detail} {detail}".strip(),
        )
    if FrameStatus.TURNED in lost:
        return (
            VideoStatus.TURNED,
            "The faces lie on their side or upside down. Turn the picture: by half, for example, "
            "with `ffmpeg -i OLD -vf hflip,vflip NEW.mp4`, by a quarter with `-vf transpose=1`.",
        )
    if FrameStatus.LOW_CONFIDENCE in lost:
        best = max(result.confidence or 0.0 for result in results)
        return (
            VideoStatus.LOW_CONFIDENCE,
            f"No face reached the confidence threshold; the best had {best:.3f}.",
        )
    return VideoStatus.NO_FACE, NO_FACE


def save_faces(path: Path, crops: Sequence[FaceCrop], size: int) -> None:
    """Write crops and their rows as an uncompressed `.npz` with the arrays

    crops (n, size, size, 3) uint8 · frame (n,) int32 · time (n,) float64, s · confidence (n,)
    float32 · box (n, 4) int32, x y width height · keypoints (n, 5, 2) float32, x y.
    """
    results = [crop.result for crop in crops]
    n = len(crops)
    with atomic_write(path) as aside, aside.open("wb") as out:
        np.savez(
            out,
            crops=np.array([c.pixels for c in crops], np.uint8).reshape(n, size, size, 3),
            frame=np.array([r.index for r in results], np.int32),
            time=np.array([r.time_s for r in results], np.float64),
            confidence=np.array([r.confidence for r in results], np.float32),
            box=np.array([r.box for r in results], np.int32).reshape(n, 4),
            keypoints=np.array([r.keypoints for r in results], np.float32).reshape(n, 5, 2),
        )


def status_of(sampled: SampledVideo, results: Sequence[FrameResult]) -> dict[str, Any]:
    """What became of a video and of each of its frames, ready for JSON."""
    status, detail = video_status(sampled, results)
    return {
        "status": status,
        "detail": detail,
        "note": sampled.note,
        "fps": sampled.fps,
        "bits_per_pixel": sampled.bits_per_pixel,
        "frames_sampled": len(results),
        "crops": sum(result.status == FrameStatus.OK for result in results),
        "frames": [asdict(result) for result in results],
    }


def draw_strip(
    frames: Sequence[Frame], results: Sequence[FrameResult], crops: Sequence[FaceCrop]
) -> np.ndarray:
    """A picture of what was found: the frames with box and confidence, the crops below them.

    Returns (height, width, 3) uint8 RGB; without frames a blank cell.
    """
    if not frames:
        return np.full((2 * CELL, CELL, 3), 255, np.uint8)
    pixels_of = {crop.result.index: crop.pixels for crop in crops}
    upper = [_draw_frame(f, r) for f, r in zip(frames, results, strict=True)]
    row_height = max(cell.shape[0] for cell in upper)
    columns = []
    for frame, cell in zip(frames, upper, strict=True):
        column = np.full((row_height + CELL, CELL, 3), 255, np.uint8)
        column[: cell.shape[0]] = cell
        if frame.index in pixels_of:
            size = (CELL, CELL)
            column[row_height:] = cv2.resize(
                pixels_of[frame.index], size, None, 0, 0, cv2.INTER_AREA
            )
        columns.append(column)
    return np.concatenate(columns, axis=1)


def _draw_frame(frame: Frame, result: FrameResult) -> np.ndarray:
    height, width = frame.pixels.shape[:2]
    scale = CELL / max(width, height)
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame.pixels, shape, interpolation=cv2.INTER_AREA)
    colour = GREEN if result.status == FrameStatus.OK else ORANGE
    if result.box:
        x, y, box_width, box_height = (round(value * scale) for value in result.box)
        cv2.rectangle(small, (x, y), (x + box_width, y + box_height), colour, 1, cv2.LINE_AA)
    text = result.status.replace("_", " ")
    if result.confidence is not None:
        text = f"{result.confidence:.3f}" if result.status == FrameStatus.OK else text
    cell = np.full((small.shape[0] + 16, CELL, 3), 255, np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    label = f"#{result.index}  {result.time_s:.2f} s  {text}"
    cv2.putText(
        cell, label, (2, cell.shape[0] - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.36, GREY, 1, cv2.LINE_AA
    )
    return cell

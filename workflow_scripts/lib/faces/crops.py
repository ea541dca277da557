"""From sampled frames to face crops: select one face per frame, crop it, and report the status of
each frame and of the video."""

import cmath
import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.faces.frames import Frame, SampledVideo
from workflow_scripts.lib.faces.mtcnn import Detection, FaceDetector
from workflow_scripts.lib.faces.status import FrameStatus, VideoStatus

MAX_ROLL = 45.0  # degrees; faces rotated further are neither trained on nor judged
UPRIGHT_CONFIDENCE = 0.9995  # the detector's confidence in upside-down faces was 0.999 at most
ROLL_SCALE = 2.0  # side of the region around a face that is searched for its orientation, in faces
MAX_ROLL_SIDE = 160  # pixels of that region
NO_FACE = "No face was found in any sampled frame. Is the picture turned, or are the faces tiny?"
TURNED = (
    "The faces lie on their side or upside down. Turn the picture: by half, for example, with "
    "`ffmpeg -i OLD -vf hflip,vflip NEW.mp4`, by a quarter with `-vf transpose=1`."
)
CELL = 160  # pixels; width of a frame on the strip
GREEN, ORANGE, GREY = (60, 200, 60), (255, 140, 0), (130, 130, 130)


@dataclass(frozen=True)
class FrameResult:
    """The result of face detection in one frame.

    `faces` counts those at or above the confidence threshold. `box`, `confidence` and `keypoints`
    are those of the cropped face, or of the best rejected one. `square` is the cropped region
    (left, top, side) in pixels of the frame, `roll` the face's rotation in degrees, clockwise, -180
    to 180.
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
    """A face crop (size, size, 3) uint8 RGB, and the result of its frame."""

    pixels: np.ndarray
    result: FrameResult


def confident_faces(detections: Sequence[Detection], threshold: float) -> list[Detection]:
    """The detections at or above a confidence threshold, by decreasing area of the box, then
    confidence."""
    return sorted(
        (d for d in detections if d.confidence >= threshold),
        key=lambda d: (d.box[2] * d.box[3], d.confidence),
        reverse=True,
    )


def keypoint_roll(keypoints: Sequence[tuple[float, float]]) -> float:
    """Rotation of a face in degrees, clockwise, -180 to 180, from the detector's five keypoints."""
    left_eye, right_eye, _, left_mouth, right_mouth = (complex(x, y) for x, y in keypoints)
    across = right_eye - left_eye + right_mouth - left_mouth
    down = left_mouth + right_mouth - left_eye - right_eye
    return math.degrees(cmath.phase(across - 1j * down))


def face_roll(image: np.ndarray, face: Detection, detector: FaceDetector) -> float:
    """Rotation of a face in an image (h, w, 3), in degrees, clockwise, -180 to 180.

    The detector places upright keypoints on most upside-down faces. So unless it is very confident,
    it compares the face with itself rotated by 180 degrees: the face is upside down if the rotated
    one gets the higher confidence. (Right for all 118 upright and 23 upside-down faces tried.)
    """
    roll = keypoint_roll(face.keypoints)
    if abs(roll) > MAX_ROLL or face.confidence >= UPRIGHT_CONFIDENCE:
        return roll
    height, width = image.shape[:2]
    left, top, side = scaled_square(face.box, ROLL_SCALE, width, height)
    region = image[top : top + side, left : left + side]
    if side > MAX_ROLL_SIDE:
        region = cv2.resize(region, (MAX_ROLL_SIDE, MAX_ROLL_SIDE), None, 0, 0, cv2.INTER_AREA)
    original, rotated = (
        max((d.confidence for d in detector.detect(np.ascontiguousarray(pixels))), default=0.0)
        for pixels in (region, region[::-1, ::-1])
    )
    if rotated <= original:
        return roll
    return roll - 180 if roll > 0 else roll + 180


def scaled_square(
    box: tuple[int, int, int, int], scale: float, width: int, height: int
) -> tuple[int, int, int]:
    """The square (left, top, side) around a box in a frame of `width` and `height` pixels.

    Its side is `scale` times the box's longer side, but at most the frame's shorter one. It is
    centred on the box, then shifted into the frame.
    """
    x, y, box_width, box_height = box
    side = max(1, min(round(max(box_width, box_height) * scale), width, height))
    left = round(x + box_width / 2 - side / 2)
    top = round(y + box_height / 2 - side / 2)
    return min(max(left, 0), width - side), min(max(top, 0), height - side), side


def crop_square(image: np.ndarray, square: tuple[int, int, int], size: int) -> np.ndarray:
    """Crop `square` (left, top, side) from an RGB image (h, w, 3) uint8 and resize it to (size,
    size, 3) with PIL's bicubic filter, which is antialiased."""
    left, top, side = square
    crop = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(crop.resize((size, size), Image.Resampling.BICUBIC))


def find_faces(
    frames: Sequence[Frame], detector: FaceDetector, confidence: float, scale: float, size: int
) -> tuple[list[FrameResult], list[FaceCrop]]:
    """Crop the largest upright face of each frame.

    Returns a result per frame, and a crop per frame with status `ok`, both in the frames' order.
    """
    results, crops = [], []
    for frame in frames:
        detections = detector.detect(frame.pixels)
        faces = confident_faces(detections, confidence)
        rolls: list[float] = []
        for face in faces:
            rolls.append(face_roll(frame.pixels, face, detector))
            if abs(rolls[-1]) <= MAX_ROLL:
                crops.append(crop_face(frame, face, len(faces), rolls[-1], scale, size))
                results.append(crops[-1].result)
                break
        else:
            result = FrameResult(frame.index, frame.time_s, FrameStatus.NO_FACE, len(faces))
            if faces:
                rejected = {**vars(faces[0]), "roll": round(rolls[0], 1)}
                result = replace(result, status=FrameStatus.TURNED, **rejected)
            elif detections:
                rejected = vars(max(detections, key=lambda d: d.confidence))
                result = replace(result, status=FrameStatus.LOW_CONFIDENCE, **rejected)
            results.append(result)
    return results, crops


def crop_face(
    frame: Frame, detection: Detection, faces: int, roll: float, scale: float, size: int
) -> FaceCrop:
    """Crop a face rotated by `roll` degrees, one of the frame's `faces` confident ones."""
    height, width = frame.pixels.shape[:2]
    square = scaled_square(detection.box, scale, width, height)
    result = FrameResult(frame.index, frame.time_s, FrameStatus.OK, faces, **vars(detection))
    result = replace(result, square=square, roll=round(roll, 1))
    return FaceCrop(crop_square(frame.pixels, square, size), result)


def crop_hash(pixels: np.ndarray) -> str:
    """A hash that identifies a crop and reveals nothing of the picture."""
    return hashlib.blake2b(pixels.tobytes(), digest_size=8).hexdigest()


def video_status(sampled: SampledVideo, results: Sequence[FrameResult]) -> tuple[VideoStatus, str]:
    """The video's status after face detection, and a sentence for the user (empty if ok)."""
    statuses = [result.status for result in results]
    n_crops = statuses.count(FrameStatus.OK)
    if n_crops == len(results):
        return sampled.status, sampled.detail
    if n_crops:
        detail = f"{sampled.detail} {n_crops} of {len(results)} sampled frames gave a face."
        short = sampled.status == VideoStatus.TOO_SHORT
        return VideoStatus.TOO_SHORT if short else VideoStatus.PARTIAL, detail.strip()
    if FrameStatus.TURNED in statuses:
        return VideoStatus.TURNED, TURNED
    if FrameStatus.LOW_CONFIDENCE in statuses:
        best = max(result.confidence or 0.0 for result in results)
        detail = f"No face reached the confidence threshold; the best had {best:.3f}."
        return VideoStatus.LOW_CONFIDENCE, detail
    return VideoStatus.NO_FACE, NO_FACE


def save_faces(path: Path, crops: Sequence[FaceCrop], size: int) -> None:
    """Write crops and their columns as an uncompressed `.npz` with the arrays

    crops (n, size, size, 3) uint8 · frame (n,) int32 · time (n,) float64, s · confidence (n,)
    float32 · box (n, 4) int32, x y width height · keypoints (n, 5, 2) float32, x y.
    """
    results = [crop.result for crop in crops]
    pixels = np.array([crop.pixels for crop in crops], np.uint8)
    with atomic_write(path) as temporary, temporary.open("wb") as out:
        np.savez(
            out,
            crops=pixels.reshape(-1, size, size, 3),
            frame=np.array([r.index for r in results], np.int32),
            time=np.array([r.time_s for r in results], np.float64),
            confidence=np.array([r.confidence for r in results], np.float32),
            box=np.array([r.box for r in results], np.int32).reshape(-1, 4),
            keypoints=np.array([r.keypoints for r in results], np.float32).reshape(-1, 5, 2),
        )


def status_record(sampled: SampledVideo, results: Sequence[FrameResult]) -> dict[str, Any]:
    """The status of a video and of each of its frames, as in `faces/{video}.json`."""
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
    """Draw the frames with boxes and confidences in a row, and their crops below.

    Returns (height, width, 3) uint8 RGB; a blank cell without frames.
    """
    cells = [_draw_frame(f, r) for f, r in zip(frames, results, strict=True)]
    top = max((len(cell) for cell in cells), default=CELL)
    strip = np.full((top + CELL, CELL * max(1, len(cells)), 3), 255, np.uint8)
    crop_pixels = {crop.result.index: crop.pixels for crop in crops}
    for number, (frame, cell) in enumerate(zip(frames, cells, strict=True)):
        column = strip[:, number * CELL : (number + 1) * CELL]
        column[: len(cell)] = cell
        if frame.index in crop_pixels:
            pixels = crop_pixels[frame.index]
            column[top:] = cv2.resize(pixels, (CELL, CELL), None, 0, 0, cv2.INTER_AREA)
    return strip


def _draw_frame(frame: Frame, result: FrameResult) -> np.ndarray:
    height, width = frame.pixels.shape[:2]
    scale = CELL / max(width, height)
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(frame.pixels, shape, interpolation=cv2.INTER_AREA)
    is_ok = result.status == FrameStatus.OK
    if result.box:
        x, y, box_width, box_height = (round(value * scale) for value in result.box)
        corner, colour = (x + box_width, y + box_height), GREEN if is_ok else ORANGE
        cv2.rectangle(small, (x, y), corner, colour, 1, cv2.LINE_AA)
    cell = np.full((len(small) + 16, CELL, 3), 255, np.uint8)
    cell[: len(small), : small.shape[1]] = small
    text = f"{result.confidence:.3f}" if is_ok else result.status.replace("_", " ")
    label = f"#{result.index}  {result.time_s:.2f} s  {text}"
    position = 2, len(cell) - 4
    cv2.putText(cell, label, position, cv2.FONT_HERSHEY_SIMPLEX, 0.36, GREY, 1, cv2.LINE_AA)
    return cell

"""The faces that the `mtcnn` package finds in the tests' pictures, kept as data.

    python -m tests.detector_answers        # after `make reference`: writes them anew

The quick tests hold the workflow's detector to the file, so they need no TensorFlow. The slow ones
(tests/reference) run this command again and compare.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut

from tests.benchmarks.compare_detectors import largest_differences
from tests.clips import background, face_frame, paste_face
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.faces.mtcnn import Detection, TensorflowDetector

ANSWERS = Path(__file__).parent / "data" / "detector_answers.json"
PROMISED = (1, 0.001, 0.1)  # docs/detector.md: pixels of a box, confidence, pixels of keypoints


@dataclass(frozen=True)
class Picture:
    """A picture for the detectors, drawn by `draw`.

    `faces` is how many they must find; None where only their agreement counts.
    """

    draw: Callable[[], np.ndarray]
    faces: int | None = None
    min_face_size: int = 20


def turned(angle: float) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((256, 256), angle, 1)
    return cv2.warpAffine(astronaut(), turn, (512, 512))


def toned(gain: float, offset: float, gamma: float = 1.0) -> np.ndarray:
    tones = 255 * (np.arange(256) / 255) ** gamma * gain + offset
    return np.clip(tones, 0, 255).astype(np.uint8)[face_frame(480, 360, 150)]


def noisy(sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, (360, 480, 3))
    return np.clip(face_frame(480, 360, 150) + noise, 0, 255).astype(np.uint8)


def blurred(sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(face_frame(480, 360, 150), (0, 0), sigma)


def crowd() -> np.ndarray:
    picture = background(900, 500)
    for i, x in enumerate(range(70, 900, 140)):
        picture = paste_face(picture, 30 + 15 * i, (x, 120 + 40 * i))
    return picture


def texture(height: int, width: int) -> np.ndarray:
    small = np.random.default_rng(1).integers(0, 256, (height // 9, width // 9, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def filled(side: int) -> np.ndarray:
    """A face that fills the frame is found, if at all, at one of the pyramid's last levels."""
    face = astronaut()[85:200, 170:285]
    return cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)


PICTURES = {
    "portrait": Picture(astronaut, 1),
    "small": Picture(lambda: cv2.resize(astronaut(), (97, 101), interpolation=cv2.INTER_AREA), 1),
    "large": Picture(lambda: cv2.resize(astronaut(), (1500, 1400), interpolation=cv2.INTER_CUBIC)),
    "turned left": Picture(lambda: turned(17), 1),
    "turned right": Picture(lambda: turned(-26)),
    "upside down": Picture(lambda: astronaut()[::-1]),
    "mirrored": Picture(lambda: astronaut()[:, ::-1], 1),
    "dark": Picture(lambda: toned(0.3, 0), 1),
    "bright": Picture(lambda: toned(0.8, 60), 1),
    "gamma": Picture(lambda: toned(1, 0, 2.2), 1),
    "grey": Picture(lambda: np.repeat(astronaut()[..., 1:2], 3, axis=2), 1),
    "negative": Picture(lambda: 255 - astronaut()),
    "noise on a face": Picture(lambda: noisy(25), 1),
    "blur": Picture(lambda: blurred(3), 1),
    "720p": Picture(lambda: face_frame(1280, 720, 260, (700, 350)), 1),
    "720p, small face": Picture(lambda: face_frame(1280, 720, 40, (300, 200)), 1),
    "upright video": Picture(lambda: face_frame(360, 640, 140, (150, 300)), 1),
    "odd sides": Picture(lambda: face_frame(333, 217, 101, (171, 113)), 1),
    "cut left": Picture(lambda: face_frame(480, 360, 200, (40, 180))),
    "cut right": Picture(lambda: face_frame(480, 360, 200, (445, 180))),
    "cut above": Picture(lambda: face_frame(480, 360, 200, (240, 60)), 1),
    "cut below": Picture(lambda: face_frame(480, 360, 200, (240, 310))),
    "two faces": Picture(
        lambda: paste_face(face_frame(640, 360, 150, (160, 180)), 90, (480, 200)), 2
    ),
    "crowd": Picture(crowd),
    "wide": Picture(lambda: face_frame(1200, 80, 60), 1),
    "noise": Picture(lambda: np.random.default_rng(0).integers(0, 256, (360, 480, 3), np.uint8), 0),
    "texture": Picture(lambda: texture(720, 1280)),
    "black": Picture(lambda: np.zeros((240, 320, 3), np.uint8), 0),
    "white": Picture(lambda: np.full((241, 319, 3), 255, np.uint8), 0),
    "wall": Picture(background, 0),
    "tiny": Picture(lambda: np.zeros((13, 17, 3), np.uint8), 0),
    "too small": Picture(lambda: np.zeros((9, 100, 3), np.uint8), 0),
    "smaller smallest size": Picture(lambda: face_frame(320, 240, 15, (100, 90)), 1, 14),
    **{
        f"filled by a face, {side} pixels": Picture(partial(filled, side))
        for side in (20, 29, 57, 112, 158, 223, 314, 443, 625)
    },
}


def assert_same(
    found: Sequence[Detection],
    expected: Sequence[Detection],
    allowed: tuple[float, float, float] = PROMISED,
) -> None:
    """Fail if the faces are not the same ones, up to differences of box, confidence, keypoints."""
    assert len(found) == len(expected), f"{len(found)} faces, not {len(expected)}"
    differences = largest_differences(found, expected)
    assert all(np.less_equal(differences, allowed)), (
        f"differences of box, confidence, keypoints: {differences}; allowed: {allowed}"
    )


@cache
def package(min_face_size: int) -> TensorflowDetector:
    """The package, made once; UserError without TensorFlow."""
    return TensorflowDetector(min_face_size, 1)


def write_answers(path: Path, answers: Mapping[str, Sequence[Detection]]) -> None:
    """Write one line a face, so that a diff shows which one has changed."""
    pictures = [f"{json.dumps(name)}: [{_lines(faces)}]" for name, faces in answers.items()]
    path.write_text("{\n" + ",\n".join(pictures) + "\n}\n", encoding="utf-8")


def _lines(faces: Sequence[Detection]) -> str:
    return ",".join(f"\n  {json.dumps(_rounded(face))}" for face in faces)


def _rounded(face: Detection) -> dict[str, object]:
    return {
        "box": face.box,
        "confidence": round(face.confidence, 6),
        "keypoints": [[round(x, 4), round(y, 4)] for x, y in face.keypoints],
    }


def read_answers(path: Path = ANSWERS) -> dict[str, list[Detection]]:
    """Read the faces of every picture, by its name."""
    answers = json.loads(path.read_text(encoding="utf-8"))
    return {name: list(_detections(faces)) for name, faces in answers.items()}


def _detections(faces: Sequence[dict]) -> Iterator[Detection]:
    for face in faces:
        points = tuple((x, y) for x, y in face["keypoints"])
        yield Detection(tuple(face["box"]), face["confidence"], points)


def main(command_line: list[str] | None = None) -> None:
    """Ask the package, and write what it says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.detector_answers", description=__doc__.splitlines()[0]
    )
    parser.add_argument("path", type=Path, nargs="?", default=ANSWERS, help="the file to write")
    path = parser.parse_args(command_line).path
    answers = {
        name: package(picture.min_face_size).detect(picture.draw())
        for name, picture in PICTURES.items()
    }
    write_answers(path, answers)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(str(error)) from None

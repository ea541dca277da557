"""CPU seconds of four ways to take 7 frames, one every 30, out of a video.

    python -m tests.benchmarks.bench_sampling [--small] [VIDEO]

Each run is a process of its own, so the imports count, as they do in the workflow; the table shows
the median of several. Without VIDEO a clip of 500 frames is made: H.264, 720p, 4:4:4, like those of
FaceForensics++.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from tests.benchmarks.measure import RUNS, SMALL, cost_of_way
from workflow_scripts.lib.faces.video import sample_frames

MODULE = "tests.benchmarks.bench_sampling"
COUNT, STEP = 7, 30


def in_order(path: Path) -> list[np.ndarray]:
    """The workflow's way: decode each frame with PyAV, convert some, stop at the last of them."""
    return [frame.pixels for frame in sample_frames(path, COUNT, STEP).frames]


def opencv(path: Path) -> list[np.ndarray]:
    """The same with OpenCV, which mirrors nothing and makes no pixels square."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    kept = []
    for index in range((COUNT - 1) * STEP + 1):
        capture.grab()
        if index % STEP == 0:
            kept.append(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB))
    return kept


def read_everything(path: Path) -> list[np.ndarray]:
    """The reference study's way: read the whole video, keep every 30th frame."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    kept: list[np.ndarray] = []
    index = 0
    while (read := capture.read())[0]:
        if index % STEP == 0 and len(kept) < COUNT:
            kept.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
        index += 1
    return kept


def seek(path: Path) -> list[np.ndarray]:
    """Set the position before each wanted frame."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    kept = []
    for index in range(0, COUNT * STEP, STEP):
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        kept.append(cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB))
    return kept


WAYS = {"in order": in_order, "OpenCV": opencv, "read everything": read_everything, "seek": seek}


def texture(count: int = 500, width: int = 1280, height: int = 720) -> Iterator[np.ndarray]:
    """A large portrait that drifts under a camera's noise: (height, width, 3) uint8 RGB."""
    from skimage.data import astronaut

    portrait = cv2.resize(astronaut(), (width + 200, width + 200))
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 4, (8, height, width, 3)).astype(np.int16)
    for index in range(count):
        top = round(100 + 90 * np.sin(index / 40))
        left = round(100 + 90 * np.cos(index / 55))
        picture = portrait[top : top + height, left : left + width] + noise[rng.integers(8)]
        yield np.clip(picture, 0, 255).astype(np.uint8)


def compare(path: Path, runs: int) -> None:
    """Print the table for one video."""
    ours = WAYS["in order"](path)
    costs = {way: cost_of_way(MODULE, way, path, runs=runs).cpu_s for way in WAYS}
    print(f"{'way':<16} {'CPU s':>6} {'ratio':>6}  pixels")
    for way, sample in WAYS.items():
        pixels = "identical" if np.array_equal(sample(path), ours) else "DIFFERENT"
        print(f"{way:<16} {costs[way]:6.2f} {costs[way] / costs['in order']:6.2f}  {pixels}")


def main(command_line: list[str] | None = None) -> None:
    """Compare the ways, or, as a child, go one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path, nargs="?", help="a video of at least 181 frames")
    parser.add_argument("--small", action="store_true", help=SMALL)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args(command_line)
    runs = 1 if arguments.small else RUNS
    if arguments.way:
        WAYS[arguments.way](arguments.video)
    elif arguments.video:
        compare(arguments.video, runs)
    else:
        from tests.clips import write_clip

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "texture.mp4"
            options = {"preset": "veryfast", "crf": "23"}
            pictures = texture(200, 320, 180) if arguments.small else texture()
            write_clip(path, pictures, pix_fmt="yuv444p", options=options)
            compare(path, runs)


if __name__ == "__main__":
    main()

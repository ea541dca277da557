"""How often a verdict warns that a video is unlike the training's: rightly, and for nothing.

    python -m tests.benchmarks.try_warnings MANIFEST

Each group of people of the manifest is left out in turn; the ranges come from all videos of the
others, as they come from a model's training part. Printed are, of the real videos left out, how
many are warned about as they are, and how many after something was done to them that the others
have not seen. Copies with 91 frames are made for that, in a temporary folder.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from tests.clips import write_clip
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.config import complete_config
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video, read_manifest
from workflow_scripts.lib.faces.crops import find_faces
from workflow_scripts.lib.faces.mtcnn import FaceDetector, make_detector
from workflow_scripts.lib.faces.mtcnn_export import export_models
from workflow_scripts.lib.faces.video import sample_frames
from workflow_scripts.lib.verdicts.training_range import (
    MEASURES,
    measure,
    person_ids,
    range_warnings,
    training_ranges,
)

COUNT, EVERY = 4, 30
FRAMES = (COUNT - 1) * EVERY + 1
Measured = dict[str, float | None]


def _pictures(path: Path) -> Iterator[np.ndarray]:
    with av.open(path) as video:
        for number, frame in enumerate(video.decode(video=0)):
            if number == FRAMES * 2:  # of which half may be left out
                return
            yield frame.to_ndarray(format="rgb24")


def _as_it_is(picture: np.ndarray) -> np.ndarray:
    return picture


def _shrunk(factor: int) -> Callable[[np.ndarray], np.ndarray]:
    def shrink(picture: np.ndarray) -> np.ndarray:
        height, width = (length // factor // 2 * 2 for length in picture.shape[:2])
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)

    return shrink


def _blurred(sigma: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda picture: cv2.GaussianBlur(picture, (0, 0), sigma)


ALTERED = {  # what is done to each frame, the encoder's quality, and every how manieth is kept
    "compressed again as they were (CRF 23)": (_as_it_is, 23, 1),
    "strongly compressed (CRF 40)": (_as_it_is, 40, 1),
    "very strongly compressed (CRF 48)": (_as_it_is, 48, 1),
    "half the size, and strongly compressed (CRF 40)": (_shrunk(2), 40, 1),
    "blurred (sigma 4 pixels)": (_blurred(4), 18, 1),
    "shrunk to a half": (_shrunk(2), 18, 1),
    "shrunk to a sixth": (_shrunk(6), 18, 1),
    "half the frame rate": (_as_it_is, 18, 2),
}


def _alter(path: Path, kind: str, output: Path) -> None:
    change, quality, kept = ALTERED[kind]
    with av.open(path) as video:
        rate = video.streams.video[0].average_rate
    assert rate
    pictures = (change(p) for n, p in enumerate(_pictures(path)) if n % kept == 0)
    # the fastest preset leaves out deblocking, whose absence looks like detail
    options = {"crf": str(quality), "preset": "superfast"}
    write_clip(output, islice(pictures, FRAMES), round(rate / kept), options=options)


def _measured(path: Path, detector: FaceDetector) -> Measured:
    config = complete_config({"run": "try", "manifest": "none"})
    sampled = sample_frames(path, COUNT, EVERY)
    _, crops = find_faces(sampled.frames, detector, **config["faces"])
    if not crops:
        return dict.fromkeys(MEASURES)
    results = [crop.result for crop in crops]
    return measure(
        np.stack([crop.pixels for crop in crops]),
        np.array([result.box for result in results]),
        np.array([result.index for result in results]),
        np.array([result.time_s for result in results]),
        sampled.bits_per_pixel,
    )


def _limits(videos: list[Video], found: dict[str, Measured]) -> dict[str, dict[str, float]]:
    return training_ranges([found[v.video_id] for v in videos], len(person_ids(videos)))


def _report(kind: str, videos: list[Video], found: dict[str, Measured], limits: dict) -> None:
    groups = assign_groups(videos)
    warned = {
        video.video_id: range_warnings(found[video.video_id], limits[groups[video.video_id]])
        for video in videos
        if video.video_id in found
    }
    of_measure = [
        sum(any(text.startswith(label) for text in texts) for texts in warned.values())
        for label, *_ in MEASURES.values()
    ]
    total = sum(map(bool, warned.values()))
    print(f"| {kind} | {total} of {len(warned)} | {' | '.join(map(str, of_measure))} |", flush=True)


def try_them(manifest: Path) -> None:
    """Print the table for the videos of a manifest."""
    videos = list(read_manifest(manifest).values())
    groups = assign_groups(videos)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_models(folder)
        detector = make_detector("onnxruntime", folder, 20, 1)
        found = {video.video_id: _measured(Path(video.path), detector) for video in videos}
        limits = {
            left_out: _limits([v for v in videos if groups[v.video_id] != left_out], found)
            for left_out in groups.values()
        }
        reals = [video for video in videos if video.label == Label.REAL.word]
        shown = f"{len(reals)} real videos, {len(set(groups.values()))} groups"
        print(f"| {shown} | warned | {' | '.join(MEASURES)} |")
        print("|---|---|" + "---|" * len(MEASURES))
        _report("as they are", videos, {v.video_id: found[v.video_id] for v in reals}, limits)
        for kind in ALTERED:
            altered = {}
            for video in reals:
                _alter(Path(video.path), kind, folder / "altered.mp4")
                altered[video.video_id] = _measured(folder / "altered.mp4", detector)
            _report(kind, videos, altered, limits)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("manifest", type=Path, help="real and fake videos of several people")
    try_them(parser.parse_args().manifest)


if __name__ == "__main__":
    main()

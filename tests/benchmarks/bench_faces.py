"""CPU and memory of the face stage of one video: ours, and the mtcnn package's.

    python -m tests.benchmarks.bench_faces [--small] [VIDEO]

Each way is a process of its own that reads the sampled frames, finds faces, and writes crops,
status and picture as the workflow does. "warm" is a detector in a process that stays: the cost of
finding the faces of one more video, without starting, loading or writing anything. Without VIDEO a
720p clip is made.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.bench_sampling import COUNT, STEP, texture
from tests.benchmarks.measure import RUNS, SMALL, cost_of_way
from workflow_scripts.faces import crop_faces
from workflow_scripts.lib.config import complete_config
from workflow_scripts.lib.faces.frames import Frame, load_frames, save_frames
from workflow_scripts.lib.faces.mtcnn import make_detector
from workflow_scripts.lib.faces.mtcnn_export import export_models
from workflow_scripts.lib.faces.video import sample_frames

MODULE = "tests.benchmarks.bench_faces"
PEER_RUNS = WARM_RUNS = 3


def face_stage(folder: Path, backend: str) -> None:
    """What the rule `crop_faces` does for one video."""
    config = complete_config({"run": "bench", "manifest": "none"})
    crop_faces.main(
        frames=folder / "frames.npz",
        video="video",
        networks=[folder / "pnet.onnx"],
        detector={**config["detector"], "backend": backend},
        faces=config["faces"],
        threads=1,
        face_cache=None,
        crops=folder / f"{backend}.npz",
        status=folder / f"{backend}.json",
        strip=folder / f"{backend}.jpg",
    )


def package_process(folder: Path) -> None:
    """The package as its users run it: import, build, detect in each frame, save the crops."""
    import cv2
    from mtcnn import MTCNN

    detector = MTCNN()
    crops = []
    for frame in load_frames(folder / "frames.npz").frames:
        faces = [f for f in detector.detect_faces(frame.pixels) if f["confidence"] >= 0.9]
        if faces:
            x, y, width, height = max(faces, key=lambda f: f["box"][2] * f["box"][3])["box"]
            cut = frame.pixels[max(y, 0) : y + height, max(x, 0) : x + width]
            crops.append(cv2.resize(cut, (320, 320)))
    np.savez(folder / "package.npz", crops=np.array(crops))


def warm(detect: Callable[[np.ndarray], object], frames: Sequence[Frame], runs: int) -> float:
    """CPU seconds of one more video for a detector that has seen a frame already."""
    detect(frames[0].pixels)
    start = time.process_time()
    for _ in range(runs):
        for frame in frames:
            detect(frame.pixels)
    return (time.process_time() - start) / runs


def compare(folder: Path, small: bool) -> None:
    """Print the table for the frames in `folder`."""
    from mtcnn import MTCNN

    runs, peer_runs, warm_runs = (1, 1, 1) if small else (RUNS, PEER_RUNS, WARM_RUNS)
    export_models(folder)
    ours = cost_of_way(MODULE, "ours", folder, runs=runs)
    package = cost_of_way(MODULE, "package", folder, runs=peer_runs)
    frames = load_frames(folder / "frames.npz").frames
    ours_warm = warm(make_detector("onnxruntime", folder, 20, 1).detect, frames, warm_runs)
    package_warm = warm(MTCNN().detect_faces, frames, warm_runs)
    print(f"{'':<26} {'ours':>8} {'package':>8} {'ratio':>6}")
    for name, mine, its in (
        ("process per video, CPU s", ours.cpu_s, package.cpu_s),
        ("process per video, peak MB", ours.memory_mb, package.memory_mb),
        ("warm detector, CPU s", ours_warm, package_warm),
        ("our process, warm package", ours.cpu_s, package_warm),
    ):
        print(f"{name:<26} {mine:8.2f} {its:8.2f} {its / mine:6.2f}")


def main(command_line: list[str] | None = None) -> None:
    """Compare the ways, or, as a child, go one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, nargs="?", help="a video of at least 181 frames")
    parser.add_argument("--small", action="store_true", help=SMALL)
    parser.add_argument("--way", choices=("ours", "package"), help=argparse.SUPPRESS)
    arguments = parser.parse_args(command_line)
    if arguments.way == "ours":
        face_stage(arguments.path, "onnxruntime")
    elif arguments.way == "package":
        package_process(arguments.path)
    else:
        with tempfile.TemporaryDirectory() as name:
            video = arguments.path
            if not video:
                from tests.clips import write_clip

                video = Path(name, "texture.mp4")
                size = (320, 180) if arguments.small else (1280, 720)
                write_clip(video, texture(COUNT * STEP, *size))
            save_frames(Path(name, "frames.npz"), sample_frames(video, COUNT, STEP))
            compare(Path(name), arguments.small)


if __name__ == "__main__":
    main()

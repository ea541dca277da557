"""CPU and memory of the face stage for frames full of small faces, which cost it most.

    python -m tests.benchmarks.bench_crowd [--small]

Each row is one process that finds the faces of sampled frames, as the rule `crop_faces` does.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.bench_faces import MODULE
from tests.benchmarks.measure import SMALL, cost_of_way
from tests.clips import crowd, face_frame
from workflow_scripts.lib.faces.frames import Frame, SampledVideo, save_frames
from workflow_scripts.lib.faces.mtcnn_export import export_models
from workflow_scripts.lib.faces.status import VideoStatus

K4, K8 = (4080, 2160), (8160, 4320)


def pictures(scale: int) -> Iterator[tuple[str, np.ndarray, int]]:
    """What is shown, the picture at 1/`scale` of its size, and how many frames show it."""

    def one(width: int, height: int, face: int) -> np.ndarray:
        return face_frame(width // scale, height // scale, face // scale)

    def many(width: int, height: int) -> np.ndarray:
        return crowd(width // scale, height // scale)

    yield "720p, 7 frames, one face", one(1280, 720, 260), 7
    yield "4K, one frame, one face", one(*K4, 700), 1
    yield "4K, one frame, 5,100 faces", many(*K4), 1
    yield "8K, one frame, one face", one(*K8, 1400), 1
    yield "8K, one frame, 20,400 faces", many(*K8), 1
    yield "8K, 7 frames, 20,400 faces", many(*K8), 7


def main(command_line: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help=SMALL)
    scale = 8 if parser.parse_args(command_line).small else 1
    print(f"{'':<28} {'CPU s':>6} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_models(folder)
        for what, picture, count in pictures(scale):
            frames = tuple(Frame(30 * i, float(i), picture) for i in range(count))
            save_frames(folder / "frames.npz", SampledVideo(VideoStatus.OK, "", 30.0, frames))
            cost = cost_of_way(MODULE, "ours", folder, runs=1)
            print(f"{what:<28} {cost.cpu_s:6.1f} {cost.memory_mb:8.0f}", flush=True)


if __name__ == "__main__":
    main()

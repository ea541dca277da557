"""CPU and memory of a verdict, from process start to page, against decoding and detecting alone.

    python -m tests.benchmarks.bench_judge [--small] [--bundle BUNDLE] [VIDEO]

Each way is a process of its own. "frames and faces" imports what it needs, decodes the frames and
runs the detector on each, and does nothing with what it finds. Without VIDEO a 720p clip of 10 s is
made that shows a face; without BUNDLE four models are trained on noise of 320x320: forests of 500
trees on `spectrum+dct+sparsity` and on pixels, a linear one, and one that bundles hold as skops.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks.measure import ONE_THREAD, RUNS, SMALL, Cost, cost_of
from workflow_scripts.faces.sample_frames import REMEDY
from workflow_scripts.lib.faces.frames import load_frames
from workflow_scripts.lib.faces.mtcnn import make_detector
from workflow_scripts.lib.faces.video import sample_to_file

MODULE = "tests.benchmarks.bench_judge"
SECONDS, WIDTH, HEIGHT, FACE = 10, 1280, 720, 300


def frames_and_faces(video: Path, networks: Path) -> None:
    """What no verdict can do without: 7 frames, one every 30, and the faces in them."""
    sample_to_file(video, networks / "frames.npz", 7, 30, 120, 2000, REMEDY)
    detector = make_detector("onnxruntime", networks, 20, 1)
    for frame in load_frames(networks / "frames.npz").frames:
        detector.detect(frame.pixels)


def cost(command: list[str], runs: int) -> Cost:
    """Median cost of several processes, after one that compiles what is kept compiled; a single one
    comes without."""
    if runs > 1:
        cost_of([sys.executable, "-m", *command], ONE_THREAD)
    costs = [cost_of([sys.executable, "-m", *command], ONE_THREAD) for _ in range(runs)]
    return Cost(median(c.cpu_s for c in costs), median(c.memory_mb for c in costs))


def compare(video: Path, bundles: dict[str, Path], folder: Path, runs: int) -> None:
    """Print the table."""
    from workflow_scripts.lib.verdicts.bundle import read_bundle

    read_bundle(next(iter(bundles.values())), folder)  # unpacks the detector's networks
    bare = cost([MODULE, "--way", "bare", "--networks", str(folder), str(video)], runs)
    print(f"{'':<44} {'CPU s':>6} {'MB':>6} {'ratio':>6} {'bundle, MB':>11}")
    print(f"{'frames and faces alone':<44} {bare.cpu_s:6.2f} {bare.memory_mb:6.0f} {1:6.2f}")
    for name, bundle in bundles.items():
        command = ["workflow_scripts.cli.main", "judge", str(video), "--model", str(bundle)]
        whole = cost([*command, "--output", str(folder / "verdict")], runs)
        size = bundle.stat().st_size / 1e6
        ratio = whole.cpu_s / bare.cpu_s
        print(f"{name:<44} {whole.cpu_s:6.2f} {whole.memory_mb:6.0f} {ratio:6.2f} {size:11.1f}")


def make_clip(path: Path, scale: int) -> None:
    """A clip at 1/`scale` of its size that shows a face, with noise as a camera's."""
    import numpy as np

    from tests.clips import face_frame, write_clip

    rng = np.random.default_rng(1)
    picture = face_frame(WIDTH // scale, HEIGHT // scale, FACE // scale).astype(np.int16)
    noisy = [
        np.clip(picture + rng.integers(-6, 7, picture.shape), 0, 255).astype(np.uint8)
        for _ in range(8)
    ]
    write_clip(path, (noisy[i * 5 % 8] for i in range(SECONDS * 30)))


def make_bundles(folder: Path, size: int, trees: int) -> dict[str, Path]:
    """Bundles of models on crops of that size."""
    from tests.bundles import write_small_bundle

    made = {}
    for model, features in (
        ("extra_trees", "spectrum+dct+sparsity"),
        ("pixel_forest", "pixels"),
        ("logistic_regression", "spectrum+dct+sparsity"),
        ("nearest_neighbours", "spectrum+dct+sparsity"),
    ):
        (folder / model).mkdir()
        made[f"verdict by {model} on {features}"] = write_small_bundle(
            folder / model, model, features, frames=7, stride=30, size=size, trees=trees
        )
    return made


def main(command_line: list[str] | None = None) -> None:
    """Compare the ways, or, as a child, go one of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("video", type=Path, nargs="?", help="a video of at least 181 frames")
    parser.add_argument("--bundle", type=Path, help="a model's bundle.zip")
    parser.add_argument("--small", action="store_true", help=SMALL)
    parser.add_argument("--way", choices=("bare",), help=argparse.SUPPRESS)
    parser.add_argument("--networks", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(command_line)
    if arguments.way:
        frames_and_faces(arguments.video, arguments.networks)
        return
    runs, scale, size, trees = (1, 4, 64, 8) if arguments.small else (RUNS, 1, 320, 500)
    with tempfile.TemporaryDirectory() as name:
        video = arguments.video
        if not video:
            video = Path(name, "face.mp4")
            make_clip(video, scale)
        given = {"verdict": arguments.bundle} if arguments.bundle else None
        bundles = given or make_bundles(Path(name), size, trees)
        compare(video, bundles, Path(name), runs)


if __name__ == "__main__":
    main()

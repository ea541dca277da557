"""Peak memory and CPU of building a store, of n videos and of four times as many.

    python -m tests.benchmarks.bench_store [N]

N is 100 unless told otherwise.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.measure import cost_of_way
from workflow_scripts.store import build_store

MODULE = "tests.benchmarks.bench_store"
FRAMES, SIZE = 7, 320


def make_faces(folder: Path, n_videos: int) -> None:
    """Write manifest, crops and quality table of `n_videos` noisy faces."""
    # here, so that the process that is measured has no more than the job
    from tests.clips import face_frame
    from workflow_scripts.lib.common.files import write_json
    from workflow_scripts.lib.data.manifest import Video, write_manifest
    from workflow_scripts.lib.faces.crops import (
        FaceCrop,
        FrameResult,
        FrameStatus,
        save_faces,
        status_record,
    )
    from workflow_scripts.lib.faces.frames import SampledVideo
    from workflow_scripts.lib.faces.mtcnn import Detection
    from workflow_scripts.lib.faces.status import VideoStatus
    from workflow_scripts.store import quality_table

    rng = np.random.default_rng(0)
    picture = face_frame(SIZE, SIZE, 200).astype(np.int16)
    found = Detection((0, 0, SIZE, SIZE), 0.99, ((1.0, 1.0),) * 5)
    sampled = SampledVideo(VideoStatus.OK, "", 30.0, (), bits_per_pixel=0.1)
    videos = []
    for number in range(n_videos):
        crops = []
        for frame in range(FRAMES):
            noise = rng.normal(0, 3, picture.shape).astype(np.int16)
            result = FrameResult(
                30 * frame, frame, FrameStatus.OK, 1, found.confidence, found.box, found.keypoints
            )
            crops.append(FaceCrop(np.clip(picture + noise, 0, 255).astype(np.uint8), result))
        name = f"v{number}"
        save_faces(folder / f"{name}.npz", crops, SIZE)
        status = status_record(sampled, [crop.result for crop in crops])
        write_json(folder / f"{name}.json", status)
        videos.append(Video(name, f"{name}.mp4", ("real", "fake")[number % 2]))
    write_manifest(folder / "videos.tsv", videos)
    quality_table.main(
        manifest=folder / "videos.tsv",
        statuses=[folder / f"{video.video_id}.json" for video in videos],
        frames=FRAMES,
        quality=folder / "quality.tsv",
        rates=folder / "rates.tsv",
        manifest_copy=folder / "manifest.tsv",
    )


def build(folder: Path, n_videos: int) -> None:
    """What the rule `build_store` does."""
    build_store.main(
        manifest=folder / "videos.tsv",
        quality=folder / "quality.tsv",
        crops=[folder / f"v{number}.npz" for number in range(n_videos)],
        made_with={"sampling": {"frames": FRAMES}, "faces": {"size": SIZE}},
        max_rejected_fraction=0.1,
        store=folder / "store.zarr",
    )


def main(command_line: list[str] | None = None) -> None:
    """Measure both sizes, or, as a child, build one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("n_videos", type=int, nargs="?", default=100)
    parser.add_argument("folder", type=Path, nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    arguments = parser.parse_args(command_line)
    if arguments.way:
        build(arguments.folder, arguments.n_videos)
        return
    print(f"{'videos':>8} {'CPU s':>6} {'peak MB':>8} {'crops MB':>9} {'store MB':>9}")
    for n_videos in (arguments.n_videos, 4 * arguments.n_videos):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_faces(folder, n_videos)
            cost = cost_of_way(MODULE, "build", n_videos, folder, runs=1)
            crops = n_videos * FRAMES * SIZE * SIZE * 3 / 1e6
            files = (f for f in (folder / "store.zarr").rglob("*") if f.is_file())
            stored = sum(f.stat().st_size for f in files) / 1e6
            print(
                f"{n_videos:8} {cost.cpu_s:6.1f} {cost.memory_mb:8.0f} {crops:9.0f} {stored:9.0f}"
            )


if __name__ == "__main__":
    main()

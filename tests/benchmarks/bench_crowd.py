"""CPU and memory of the face stage for frames full of small faces, which cost it most.

    python -m tests.benchmarks.bench_crowd

Each row is one process that finds the faces of sampled frames, as the rule `crop_faces` does.
"""

import tempfile
from pathlib import Path

from tests.benchmarks.bench_faces import MODULE
from tests.benchmarks.measure import cost_of_way
from tests.clips import crowd, face_frame
from workflow_scripts.lib.detector_export import export_models
from workflow_scripts.lib.video import Frame, SampledVideo, VideoStatus, save_frames

PICTURES = {
    "720p, 7 frames, one face": (face_frame(1280, 720, 260), 7),
    "4K, one frame, one face": (face_frame(4080, 2160, 700), 1),
    "4K, one frame, 5,100 faces": (crowd(4080, 2160), 1),
    "8K, one frame, one face": (face_frame(8160, 4320, 1400), 1),
    "8K, one frame, 20,400 faces": (crowd(8160, 4320), 1),
    "8K, 7 frames, 20,400 faces": (crowd(8160, 4320), 7),
}


def main() -> None:
    """Print the table."""
    print(f"{'':<28} {'CPU s':>6} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_models(folder)
        for what, (picture, count) in PICTURES.items():
            frames = tuple(Frame(30 * i, float(i), picture) for i in range(count))
            save_frames(folder / "frames.npz", SampledVideo(VideoStatus.OK, "", 30.0, frames))
            cost = cost_of_way(MODULE, "ours", folder, runs=1)
            print(f"{what:<28} {cost.cpu_s:6.1f} {cost.memory_mb:8.0f}", flush=True)


if __name__ == "__main__":
    main()

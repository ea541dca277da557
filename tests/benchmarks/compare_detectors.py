"""Do the two detectors find the same faces, and what does each cost?

    python -m tests.benchmarks.compare_detectors [--small] FOLDER

Takes frames 0, 30, ..., 180 of each `.mp4` below FOLDER, with one thread. First it finds the
faces of the first video in processes of their own, as the workflow does, with ONNX Runtime and
with the `mtcnn` package on TensorFlow. Then it compares their answers for all videos.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.measure import SMALL
from workflow_scripts.lib.common.joblog import cost_so_far
from workflow_scripts.lib.faces.frames import load_frames, save_frames
from workflow_scripts.lib.faces.mtcnn import Detection, make_detector
from workflow_scripts.lib.faces.mtcnn_export import export_models
from workflow_scripts.lib.faces.video import sample_frames

BACKENDS = ("onnxruntime", "tensorflow")
COUNT, STEP = 7, 30
MIN_FACE_SIZE = 20
RUNS = 3


def largest_differences(
    found: Sequence[Detection], expected: Sequence[Detection]
) -> tuple[float, float, float]:
    """How far each expected face is from the nearest found one, at most.

    In box corners and sides (pixels), confidence, and keypoint coordinates (pixels).
    """
    box = confidence = keypoints = 0.0
    for face in expected:
        boxes = [np.abs(np.subtract(other.box, face.box)).max() for other in found]
        nearest = found[int(np.argmin(boxes))]
        away = np.abs(np.subtract(nearest.keypoints, face.keypoints)).max()
        box = max(box, float(min(boxes)))
        confidence = max(confidence, abs(nearest.confidence - face.confidence))
        keypoints = max(keypoints, float(away))
    return box, confidence, keypoints


def compare_answers(videos: Sequence[Path], models: Path) -> None:
    """Print how the detectors' answers differ, and the CPU time per frame of a warm process."""
    detectors = {name: make_detector(name, models, MIN_FACE_SIZE, 1) for name in BACKENDS}
    cpu_s = dict.fromkeys(BACKENDS, 0.0)
    faces = dict.fromkeys(BACKENDS, 0)
    frames, other_count, differences = 0, 0, np.zeros((0, 3))
    for video in videos:
        for frame in sample_frames(video, COUNT, STEP).frames:
            answers = {}
            for name, detector in detectors.items():
                start = time.process_time()
                answers[name] = detector.detect(frame.pixels)
                cpu_s[name] += (time.process_time() - start) * (frames > 0)  # the first warms up
                faces[name] += len(answers[name])
            frames += 1
            if len(answers["onnxruntime"]) == len(answers["tensorflow"]):
                differences = np.vstack([differences, largest_differences(*answers.values())])
            else:
                other_count += 1
                print(f"{video.name}, frame {frame.index}: {answers}")
    box, confidence, keypoints = differences.max(axis=0)
    print(f"videos {len(videos)}, frames {frames}, faces {faces}")
    print(f"frames with another number of faces: {other_count}")
    print(f"frames with equal boxes: {np.mean(differences[:, 0] == 0):.1%} of the others")
    print(f"largest difference, pixels of box: {box:.0f}, of keypoints: {keypoints:.3f}")
    print(f"largest difference of confidence: {confidence:.1e}")
    for name in BACKENDS:
        print(f"CPU s per frame, warm, {name}: {cpu_s[name] / (frames - 1):.3f}")
    print(f"ratio: {cpu_s['tensorflow'] / cpu_s['onnxruntime']:.1f}")


def run_once(backend: str, models: Path, sampled: Path) -> None:
    """Do one video's job in this process; print CPU s after each step, and the peak memory."""
    steps = {"start": cost_so_far()["cpu_s"]}
    importlib.import_module(backend)
    steps["import"] = cost_so_far()["cpu_s"]
    detector = make_detector(backend, models, MIN_FACE_SIZE, 1)
    steps["build"] = cost_so_far()["cpu_s"]
    for frame in load_frames(sampled).frames:
        detector.detect(frame.pixels)
    steps["detect"] = cost_so_far()["cpu_s"]
    print(json.dumps(steps | {"MB": cost_so_far()["peak_memory_mb"]}))


def compare_costs(video: Path, folder: Path, runs: int) -> None:
    """Print what one video's job costs with either backend, process start included.

    Call it first: a process counts its parent's memory when it starts as its own.
    """
    sampled = folder / "frames.npz"
    save_frames(sampled, sample_frames(video, COUNT, STEP))
    print(f"{'CPU s':<12}  start import  build detect  total  peak MB   (best of {runs})")
    best = []
    threads = {"OMP_NUM_THREADS": "1"}  # as Snakemake sets it for a job of one thread
    for backend in BACKENDS:
        command = [sys.executable, "-m", "tests.benchmarks.compare_detectors", str(sampled)]
        command += ["--once", backend, "--models", str(folder)]
        told = []
        for _ in range(runs):
            process = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | threads
            )
            told.append(list(json.loads(process.stdout).values()))
        *steps, memory = min(told, key=lambda run: run[-2])
        columns = [*np.diff(steps, prepend=0), steps[-1]]
        print(f"{backend:<12} " + " ".join(f"{x:6.2f}" for x in columns) + f" {memory:8.0f}")
        best.append((steps[-1], memory))
    (cpu, memory), (reference_cpu, reference_memory) = best
    print(f"ratio: CPU {reference_cpu / cpu:.1f}, memory {reference_memory / memory:.1f}\n")


def main() -> None:
    """Compare the detectors, or, as a child, run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder with videos")
    parser.add_argument("--small", action="store_true", help=SMALL)
    parser.add_argument("--once", choices=BACKENDS, help=argparse.SUPPRESS)
    parser.add_argument("--models", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        run_once(arguments.once, arguments.models, arguments.folder)
        return
    videos = sorted(arguments.folder.rglob("*.mp4"))
    if not videos:
        raise SystemExit(f"There is no .mp4 below {arguments.folder}.")
    with tempfile.TemporaryDirectory() as folder:
        export_models(Path(folder))
        compare_costs(videos[0], Path(folder), 1 if arguments.small else RUNS)
        compare_answers(videos, Path(folder))


if __name__ == "__main__":
    main()

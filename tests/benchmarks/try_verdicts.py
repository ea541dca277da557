"""What verdicts are worth on FaceForensics++: on people held out, in two compressions.

    python -m tests.benchmarks.try_verdicts [--small] FOLDER [KEPT]

FOLDER is the data set's tree, with originals and Deepfakes in c23 and c40; for few people: for each
group of people the workflow runs once. It trains on the c23 videos of all other groups, and
`snakemake verdicts` judges the group's videos, of which the model has seen nobody. Printed is what
came of all of them together, for several numbers of frames. KEPT is a folder to work in, where the
pages stay.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.measure import SMALL
from tests.projects import Project, copy_project
from workflow_scripts.lib.data.datasets import faceforensics
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video, write_manifest
from workflow_scripts.lib.evaluation.metrics import evaluate
from workflow_scripts.lib.verdicts.frame_plan import SPREAD
from workflow_scripts.lib.verdicts.pipeline import run_verdict

# Besides the study's 7, one every 30: how many, and their distance
FRAMES: tuple[tuple[int, int | str], ...] = (
    *((3, 30), (12, 30), (14, 15), (28, 7)),
    *((7, SPREAD), (14, SPREAD)),
)


@dataclass(frozen=True)
class Size:
    """How much is done for each group: trees and folds of the model, and numbers of frames."""

    trees: int
    folds: int
    frames: tuple[tuple[int, int | str], ...]

    @property
    def experiment(self) -> dict[str, Any]:
        """What is trained."""
        params = {"n_estimators": self.trees}
        return {"features": "spectrum+dct+sparsity", "model": "extra_trees", "params": params}


FULL = Size(500, 4, FRAMES)
LITTLE = Size(10, 2, FRAMES[:1])


@dataclass(frozen=True)
class Row:
    """A verdict on a video, and whether there was a warning."""

    video: Video
    verdict: str
    score: float | None
    warned: bool


def _grouped(folder: Path) -> tuple[list[Video], list[Video]]:
    """The videos in c23 and in c40, with their groups by name."""
    parts = [faceforensics(folder, ["Deepfakes"], [c]) for c in ("c23", "c40")]
    groups = assign_groups([video for part in parts for video in part])
    named = [[replace(video, group=groups[video.video_id]) for video in part] for part in parts]
    return named[0], named[1]


def _train(project: Project, number: int, group: str, videos: list[Video], size: Size) -> Path:
    """Train on all videos but a group's; returns the bundle."""
    rows = [replace(v, split="test" if v.group == group else "train") for v in videos]
    write_manifest(project.root / f"{number}.tsv", rows)
    project.configure(
        run=f"group{number}",
        manifest=f"{number}.tsv",
        face_cache="cache",
        splits={"protocols": ["official"]},
        training={"folds": size.folds},
        experiments={"spectrum_dct_sparsity": size.experiment},
    )
    bundle = f"results/group{number}/models/official/spectrum_dct_sparsity/bundle.zip"
    project.snakemake(bundle)
    return project.root / bundle


def _judge(project: Project, number: int, videos: list[Video]) -> list[Row]:
    """What `snakemake verdicts` says."""
    write_manifest(project.root / "judged.tsv", videos)
    project.snakemake("verdicts", "--config", "videos_to_judge=judged.tsv")
    table = project.root / f"results/group{number}/verdicts.tsv"
    with table.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert all(row["people_in_training"] == "no" for row in rows)
    known = {video.video_id: video for video in videos}
    return [
        Row(known[row["video"]], row["verdict"], _number(row["score"]), bool(row["warnings"]))
        for row in rows
    ]


def _number(text: str) -> float | None:
    return float(text) if text else None


def _judge_more(video: Video, bundle: Path, frames: int, stride: int | str) -> Row:
    """The same from other frames, in this process."""
    verdict = run_verdict(Path(video.path), bundle, frames, stride, 1).verdict
    return Row(video, verdict["verdict"], verdict["score"], bool(verdict["warnings"]))


def _line(what: str, rows: list[Row]) -> str:
    scored = [row for row in rows if row.score is not None]
    scores = np.array([row.score for row in scored], float)
    fake = np.array([row.video.label == "fake" for row in scored]).astype(int)
    groups = np.array([row.video.group for row in scored])
    auc = evaluate(fake, scores, scores, groups, 0.5, 1000, 0.95, 1)["roc_auc"]
    low, high = (f"{auc[end]:.2f}" if auc[end] is not None else "-" for end in ("low", "high"))
    fakes, reals = (
        " / ".join(
            str(sum((row.video.label, row.verdict) == (label, called) for row in rows))
            for called in ("fake", "undetermined", "real")
        )
        for label in ("fake", "real")
    )
    warned = sum(row.warned for row in rows)
    return f"| {what} | {auc['value']:.2f} ({low} to {high}) | {fakes} | {reals} | {warned} |"


def try_them(folder: Path, kept: Path, size: Size) -> None:
    """Print the table."""
    project = copy_project(kept / "project")
    c23, c40 = _grouped(folder)
    groups = sorted({video.group for video in c40})
    told: dict[str, list[Row]] = {}
    for number, group in enumerate(groups, start=1):
        bundle = _train(project, number, group, c23, size)
        judged = [video for video in (*c23, *c40) if video.group == group]
        rows: dict[tuple[int, int | str], list[Row]] = {(7, 30): _judge(project, number, judged)}
        for frames, stride in size.frames:
            rows[frames, stride] = [_judge_more(v, bundle, frames, stride) for v in judged]
        for (frames, stride), found in rows.items():
            for row in found:
                distance = stride if stride == SPREAD else f"one every {stride}"
                what = f"{row.video.compression}, {frames} frames, {distance}"
                told.setdefault(what, []).append(row)
        print(f"{number} of {len(groups)} groups", file=sys.stderr, flush=True)
    print(f"{len(c23)} videos in c23, {len(c40)} in c40, {len(groups)} groups of people")
    called = "called fake / undetermined / real"
    print(f"| judged | AUC (95 %) | fakes, {called} | reals, {called} | warned |")
    print("|---|---|---|---|---|")
    for what, found in told.items():
        print(_line(what, found))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the data set's tree")
    parser.add_argument("kept", type=Path, nargs="?", help="where to work; without, nothing stays")
    parser.add_argument("--small", action="store_true", help=SMALL)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        kept = arguments.kept or Path(scratch)
        try_them(arguments.folder.absolute(), kept, LITTLE if arguments.small else FULL)


if __name__ == "__main__":
    main()

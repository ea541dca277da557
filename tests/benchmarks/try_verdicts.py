"""What verdicts are worth on FaceForensics++: on people held out, in two compressions.

    python -m tests.benchmarks.try_verdicts FOLDER [KEPT]

FOLDER is the data set's tree, with originals and Deepfakes in c23 and c40; for few people: for each
group of people the workflow runs once. It trains on the c23 videos of all other groups, and
`snakemake verdicts` judges the group's videos, of which the model has seen nobody. Printed is what
came of all of them together, for several numbers of frames. KEPT is a folder to work in, where the
pages stay.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.workflow.conftest import Project, copy_project
from workflow_scripts.lib.layouts import faceforensics
from workflow_scripts.lib.manifest import Video, assign_groups, write_manifest
from workflow_scripts.lib.metrics import evaluate

FRAMES = {7: 30, 3: 30, 14: 15, 28: 7}  # and their distance: the study's first
BUNDLE = "results/{}/models/official/spectrum_dct_sparsity/bundle.zip"
EXPERIMENT = {
    "features": "spectrum+dct+sparsity",
    "model": "extra_trees",
    "params": {"n_estimators": 500},
}


Row = dict[str, str]


def _grouped(folder: Path) -> tuple[list[Video], list[Video]]:
    """The videos in c23 and in c40, with their groups by name."""
    parts = [faceforensics(folder, ["Deepfakes"], [c]) for c in ("c23", "c40")]
    groups = assign_groups([video for part in parts for video in part])
    named = [[replace(video, group=groups[video.video_id]) for video in part] for part in parts]
    return named[0], named[1]


def _judge(project: Project, name: str, videos: list[Video], **options: object) -> list[Row]:
    write_manifest(project.root / "judged.tsv", videos)
    values = {"videos_to_judge": "judged.tsv", "run": name, **options}
    project.snakemake("verdicts", "--config", *(f"{k}={v}" for k, v in values.items()))
    with (project.root / f"results/{name}/verdicts.tsv").open(
        newline="", encoding="utf-8"
    ) as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert all(row["seen"] == "no" for row in rows)
    return [{**row, "group": videos[0].group} for row in rows]


def _row(what: str, rows: list[Row]) -> str:
    scored = [row for row in rows if row["score"]]
    scores = np.array([float(row["score"]) for row in scored])
    fake = np.array([row["label"] == "fake" for row in scored]).astype(int)
    groups = np.array([row["group"] for row in scored])
    auc = evaluate(fake, scores, scores, groups, 0.5, 1000, 0.95, 1)["roc_auc"]
    shown = [f"{auc[key]:.2f}" if auc[key] is not None else "-" for key in ("value", "low", "high")]
    counts = [
        str(sum((row["label"], row["verdict"]) == (label, called) for row in rows))
        for label in ("fake", "real")
        for called in ("fake", "undetermined", "real")
    ]
    warned = sum(bool(row["warnings"]) for row in rows)
    interval = f"{shown[0]} ({shown[1]} to {shown[2]})"
    return (
        f"| {what} | {interval} | {' / '.join(counts[:3])} | {' / '.join(counts[3:])} | {warned} |"
    )


def main(folder: Path, kept: Path) -> None:
    """Print the table."""
    project = copy_project(kept / "project")
    c23, c40 = _grouped(folder)
    groups = sorted({video.group for video in c40})
    told: dict[str, list[Row]] = {}
    for number, group in enumerate(groups, start=1):
        rows = [replace(v, split="test" if v.group == group else "train") for v in c23]
        write_manifest(project.root / f"{number}.tsv", rows)
        project.configure(
            manifest=f"{number}.tsv",
            run=f"group{number}",
            face_cache="cache",
            splits={"protocols": ["official"]},
            training={"folds": 4},
            experiments={"spectrum_dct_sparsity": EXPERIMENT},
        )
        for compression, videos in (("c23", c23), ("c40", c40)):
            judged = [video for video in videos if video.group == group]
            for frames, every in FRAMES.items():
                what = f"{compression}, {frames} frames, one every {every}"
                options: dict[str, object] = {"judge_frames": frames, "judge_every": every}
                name = f"group{number}"
                if frames != 7:  # elsewhere, so that the pages of the study's number stay
                    options["judge_with"] = BUNDLE.format(name)
                    name += "-other"
                told.setdefault(what, []).extend(_judge(project, name, judged, **options))
    print(f"{len(c40)} videos in c40, {len(c23)} in c23, {len(groups)} groups of people")
    print("| judged | AUC (95 %) | fakes called fake / undetermined / real | reals | warned |")
    print("|---|---|---|---|---|")
    for what, rows in sorted(told.items()):
        print(_row(what, rows))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(sys.argv[1]), Path(scratch))

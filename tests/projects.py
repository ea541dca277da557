"""Copies of the project, ready for real runs on small clips that are made here."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from tests.clips import face_frame, write_clip
from tests.starter import run_snakemake
from workflow_scripts.lib.data.manifest import Video, write_manifest
from workflow_scripts.lib.provenance.record import reproducible_digest

ROOT = Path(__file__).parents[1]
PARTS = [
    *["Snakefile", "rules", "workflow_scripts", "config", "profiles", "slurm"],
    *["report", "envs", "docs"],
]
PEOPLE = 6
SMALL_FOREST = {
    "features": "pixels",
    "resize": 16,
    "model": "pixel_forest",
    "grid": {"n_estimators": [5, 10]},
    "validation": "out_of_bag",
}
SMALL_TREES = {"features": "spectrum", "model": "extra_trees", "params": {"n_estimators": 10}}


@dataclass(frozen=True)
class Project:
    """A copy of the project with a config for a small run."""

    root: Path

    def snakemake(self, *arguments, check=True, configfile="small.yaml"):
        """Run snakemake in the copy as a user would; the small run is chosen by its config."""
        command = self.command(*arguments, configfile=configfile)
        ended = run_snakemake(command, self.root)
        if check:
            assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended

    def command(self, *arguments, configfile="small.yaml"):
        """The command line of `snakemake`."""
        snakemake = Path(sys.executable).with_name("snakemake")
        return [str(snakemake), *map(str, arguments), "--configfile", configfile]

    @property
    def results(self):
        """Where the small run's results lie."""
        return self.root / "results/small"

    def configure(self, **changes):
        """Change keys of the small run's config."""
        path = self.root / "small.yaml"
        config = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(yaml.safe_dump({**config, **changes}))

    def planned(self, *arguments):
        """The number of jobs that a dry run plans, by rule."""
        output = self.snakemake("-n", *arguments).stdout
        lines = [line.split() for line in output.splitlines()]
        jobs = [line for line in lines if len(line) == 2 and line[1].isdecimal()]
        jobs = [line for line in jobs if line[0].isidentifier()]
        return {rule: int(count) for rule, count in jobs if rule != "total"}


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder that another process may be writing to: what it writes beside, to be renamed
    (compiled code, say), may be gone before it is copied."""
    shutil.copytree(source, target, symlinks=True, copy_function=_copy_unless_gone)


def _copy_unless_gone(source: str, target: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(source, target)


def copy_project(target: Path, source: Path = ROOT) -> Project:
    """Copy the project's parts, with their times of change and with what is compiled of them."""
    for part in PARTS:
        if (source / part).is_symlink():
            (target / part).symlink_to((source / part).readlink())
        elif (source / part).is_dir():
            copy_tree(source / part, target / part)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, target / part)
    return Project(target)


def person(number: int) -> np.ndarray:
    """A frame (240, 320, 3) that shows one of several people: one face in several tones."""
    tones = np.array([1.0, 1.0, 1.0]) - 0.07 * (np.arange(3) - number % 3) * (number / PEOPLE)
    return np.clip(face_frame(centre=(140 + 6 * number, 110)) * tones, 0, 255).astype(np.uint8)


def forged(picture: np.ndarray) -> np.ndarray:
    """The same frame with its middle passed through a low resolution, as a swap does."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 3, height // 3), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((height, width, 1), np.float32)
    mask[60:170, 90:230] = 1
    mask = cv2.GaussianBlur(mask, (0, 0), 8)[:, :, None]
    return (picture * (1 - mask) + blurred * mask).astype(np.uint8)


def small_videos(folder: Path) -> list[Video]:
    """The rows of `write_small_videos`: a real and a fake clip of each person; the fakes pair
    neighbours."""
    rows = []
    for number in range(PEOPLE):
        for label, source in (("real", ""), ("fake", f"p{number ^ 1}")):
            path = str(folder / f"{label} {number}.mp4")
            rows.append(Video(f"{label}{number}", path, label, "", f"p{number}", source))
    return rows


def few_of(videos: list[Video]) -> list[Video]:
    """The videos of one person of each pair: as many groups, half of the videos."""
    return [video for video in videos if int(video.target[1:]) % 2 == 0]


def write_small_videos(folder: Path) -> None:
    """Write the clips of `small_videos`."""
    folder.mkdir(parents=True, exist_ok=True)
    for video in small_videos(folder):
        number = int(video.target[1:])
        picture = person(number) if video.label == "real" else forged(person(number))
        rng = np.random.default_rng(number)
        noisy = [
            np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
            for _ in range(4)
        ]
        write_clip(Path(video.path), (noisy[i // 30 % 4] for i in range(185)))


def small_project(target: Path, videos: list[Video]) -> Project:
    """A copy of the project, ready to run on `videos`."""
    project = copy_project(target)
    write_manifest(project.root / "small.tsv", videos)
    project.configure(
        run="small",
        manifest="small.tsv",
        faces={"size": 64},
        splits={"protocols": ["identity", "frame"], "test_fraction": 0.34},
        evaluation={"n_resamples": 50},
        training={"folds": 2},
        experiments={"forest": SMALL_FOREST, "spectrum": SMALL_TREES},
        learning_curve={"experiments": ["spectrum"], "halvings": 1, "repeats": 2},
    )
    return project


def tiny_project(target: Path, videos: list[Video]) -> Project:
    """A copy of the project, ready for the smallest run that has every stage: one protocol, one
    experiment, and `few_of` the small run's videos will do."""
    project = small_project(target, videos)
    project.configure(
        splits={"protocols": ["identity"], "test_fraction": 0.34},
        training={"folds": 2},
        experiments={"spectrum": SMALL_TREES},
        learning_curve={},
    )
    return project


def fingerprint(results: Path) -> dict[str, str]:
    """Checksums of all that must be the same in every run: everything but logs and measured
    cost."""
    hashes = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if path.is_file() and not name.startswith(("logs/", ".")):
            digest = reproducible_digest(results, name)
            if digest:
                hashes[name] = digest
    return hashes


def logged_jobs(results: Path) -> dict[str, int]:
    """How many jobs of each rule have left a log, without those that come after `run.json`."""
    logs = (path.relative_to(results / "logs") for path in (results / "logs").rglob("*.log"))
    jobs = Counter(log.parts[0].removesuffix(".log") for log in logs)
    return {rule: number for rule, number in jobs.items() if rule not in ("record_run", "verify")}


def quiet_environment() -> dict[str, str]:
    """This environment without what would choose another profile."""
    return {key: value for key, value in os.environ.items() if key != "SNAKEMAKE_PROFILE"}

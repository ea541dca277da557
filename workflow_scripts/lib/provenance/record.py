"""What a run was made from, what it made, and whether that is still so: `results/{run}/run.json`.

- `reproducible`: config, digest of the manifest, checksums of the detector's networks, and of every
  promised output, by the step that makes it. The same inputs give the same here on any machine that
  computes alike. Of a file that also tells what was measured, only the rest counts.
- `environment`: Python, packages, the lock file's checksum, git revision, machine. Where outputs
  differ between machines, the reason is usually here.
- `measured`: jobs, CPU time and memory of every rule that the record follows from; and the files
  that can't be the same bytes twice, why, and the checksum of this run's.
- `digest`: of all of the above.

Checksums are SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.code_files import ROOT
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import sha256
from workflow_scripts.lib.common.joblog import read_cost
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.faces.finished import MADE_FROM

__all__ = [
    "LOCK",
    "RECORD",
    "Difference",
    "Problem",
    "check_files",
    "compare_causes",
    "compare_outputs",
    "git_revision",
    "make_record",
    "manifest_digest",
    "read_record",
    "reproducible_digest",
    "sealed",
]

RECORD = "run.json"
FORMAT = 1
LOCK = ROOT / "envs/base.txt"
NOT_REPRODUCIBLE = {  # by a pattern of names
    "faces/*.json": f"its key `{MADE_FROM}` holds the time of change of the video's file",
    "leaderboard.tsv": "its columns `train_...` hold CPU time and memory",
    "figures/leaderboard.html": "it shows CPU time and memory",
    "figures/literature.html": "it shows CPU time and memory",
    "figures/cost.png": "it shows CPU time",
    "figures/run_times.png": "it shows CPU time and memory",
}
ALL_MEASURED = ("figures/literature.html", "figures/cost.png", "figures/run_times.png")


@dataclass(frozen=True)
class Problem:
    """A file that is not what the record says, the step that makes it, and what is wrong."""

    name: str
    step: str
    what: str


@dataclass(frozen=True)
class Difference:
    """Outputs of a step that are not the same in two runs."""

    step: str
    names: list[str]
    files: int


def make_record(
    results: Path,
    config: dict[str, Any],
    videos: Iterable[Video],
    networks: Sequence[Path],
    steps: Mapping[str, Sequence[Path]],
    logs: Sequence[Path],
) -> dict[str, Any]:
    """The content of `run.json`.

    `steps` are the promised outputs by rule, in the workflow's order; a tree's marker stands for
    all that is in it. `logs` are those of the jobs whose cost counts, below `results/logs`.
    """
    outputs: dict[str, dict[str, str]] = {}
    files: dict[str, dict[str, str]] = {}
    for step, paths in steps.items():
        outputs[step] = {}
        for path in _all_files(paths):
            name = str(path.relative_to(results))
            if digest := reproducible_digest(results, name):
                outputs[step][name] = digest
            if why := _why_measured(name):
                files[name] = {"step": step, "sha256": sha256(path), "why": why}
    record: dict[str, Any] = {
        "format": FORMAT,
        "reproducible": {
            "config": config,
            "manifest": manifest_digest(videos),
            "detector": {path.name: sha256(path) for path in networks},
            "outputs": outputs,
        },
        "environment": _environment(),
        "measured": {"cost": _cost_by_rule(logs, results / "logs"), "files": files},
    }
    return sealed(record)


def sealed(record: dict[str, Any]) -> dict[str, Any]:
    """A record with its digest."""
    return {**record, "digest": _digest(record)}


def read_record(path: Path) -> dict[str, Any]:
    """Read a `run.json`.

    Raises
    ------
    UserError
        It is not there, is damaged, or is of another version.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        stated = record.pop("digest")
        whole = stated == _digest(record)
    except FileNotFoundError as error:
        raise UserError(
            f"{path} does not exist, so there is nothing to compare with. A run writes it at its "
            "end: start snakemake first, or correct the path."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} cannot be read ({error!r}). Delete it and run snakemake again, which writes "
            "it anew."
        ) from error
    if not whole or record["format"] != FORMAT:
        what = "is damaged: its digest does not fit" if not whole else "is of another version"
        raise UserError(f"{path} {what}. Delete it and run snakemake again.")
    return record


def check_files(results: Path, record: dict[str, Any]) -> tuple[list[Problem], int]:
    """Hold every recorded file of a run against its checksum; and how many there are."""
    measured = record["measured"]["files"]
    wanted = {
        name: (step, digest)
        for step, outputs in record["reproducible"]["outputs"].items()
        for name, digest in outputs.items()
    }
    wanted |= {name: (told["step"], told["sha256"]) for name, told in measured.items()}
    problems = []
    for name, (step, digest) in wanted.items():
        try:
            found = sha256(results / name)
        except FileNotFoundError:
            problems.append(Problem(name, step, "it is missing"))
        except OSError as error:
            problems.append(Problem(name, step, f"it cannot be read ({error.strerror})"))
        else:
            if found != digest:
                problems.append(Problem(name, step, "it was changed after the run had ended"))
    return problems, len(wanted)


def compare_outputs(mine: dict[str, Any], other: dict[str, Any]) -> list[Difference]:
    """What two runs did not make alike, by step, in the workflow's order."""
    ours, theirs = (record["reproducible"]["outputs"] for record in (mine, other))
    found = []
    for step in [*ours, *(step for step in theirs if step not in ours)]:
        here, there = ours.get(step, {}), theirs.get(step, {})
        names = sorted(n for n in here.keys() | there.keys() if here.get(n) != there.get(n))
        if names:
            found.append(Difference(step, names, len(here.keys() | there.keys())))
    return found


def compare_causes(mine: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """What differs between two runs besides their outputs, a sentence each."""
    for part, name in (
        ("reproducible", "config"),
        ("reproducible", "manifest"),
        ("reproducible", "detector"),
        ("environment", ""),
    ):
        here, there = (
            dict(_leaves(record[part][name] if name else record[part], name))
            for record in (mine, other)
        )
        for key in [*here, *(key for key in there if key not in here)]:
            if here.get(key) != there.get(key):
                yield f"{key}: {here.get(key)!r} here, {there.get(key)!r} there"


def manifest_digest(videos: Iterable[Video]) -> str:
    """A checksum of a manifest's rows, wherever the videos lie and whatever the table looks
    like."""
    rows = [{**asdict(video), "path": ""} for video in videos]
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def reproducible_digest(results: Path, name: str) -> str | None:
    """The checksum of what must be the same in every run of the file `name` in the folder
    `results`; None where nothing must."""
    path = results / name
    if name in ALL_MEASURED:
        return None
    if name == RECORD:
        content = json.dumps(json.loads(path.read_text(encoding="utf-8"))["reproducible"]).encode()
    elif Path(name).match("faces/*.json"):
        content = _without(path, MADE_FROM)
    elif name == "leaderboard.tsv":
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        kept = [i for i, column in enumerate(rows[0]) if not column.startswith("train_")]
        content = "\n".join("\t".join(row[i] for i in kept) for row in rows).encode()
    elif name == "figures/leaderboard.html":
        page = path.read_text(encoding="utf-8")
        content = re.sub(r'<td class="number cost">.*?</td>', "", page).encode()
    else:
        return sha256(path)
    return hashlib.sha256(content).hexdigest()


def _without(path: Path, left_out: str) -> bytes:
    """What a JSON file says besides a key."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return json.dumps({key: value for key, value in content.items() if key != left_out}).encode()


def _all_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield path
        tree = path.with_suffix(".zarr")  # see lib/store/zarr_store.py
        if path.suffix == ".json" and tree.is_dir():
            yield from (file for file in sorted(tree.rglob("*")) if file.is_file())


def _why_measured(name: str) -> str | None:
    matching = (why for pattern, why in NOT_REPRODUCIBLE.items() if Path(name).match(pattern))
    return next(matching, None)


def _cost_by_rule(logs: Iterable[Path], folder: Path) -> dict[str, dict[str, float]]:
    """Number of jobs, sum of their CPU seconds and peak of their memory, by rule."""
    costs: dict[str, list[dict[str, float]]] = {}
    for log in logs:
        rule = log.relative_to(folder).parts[0].removesuffix(".log")
        costs.setdefault(rule, []).append(read_cost(log))
    return {
        rule: {
            "jobs": len(jobs),
            "cpu_s": round(sum(job["cpu_s"] for job in jobs), 2),
            "peak_memory_mb": max(job["peak_memory_mb"] for job in jobs),
        }
        for rule, jobs in costs.items()
    }


def _environment() -> dict[str, Any]:
    locked = re.findall(r"^([a-z0-9._-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    installed = {}
    for name in locked:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "git": git_revision(ROOT),
        "lock": {str(LOCK.relative_to(ROOT)): sha256(LOCK)},
        "packages": installed,
    }


def git_revision(root: Path) -> dict[str, Any] | None:
    """The revision of the code in a folder, and whether it was edited since; None without git.

    Where git refuses, as it does with a clone that belongs to somebody else, the log says why.
    """
    git = shutil.which("git")
    if not git or not (root / ".git").exists():
        return None
    answers = []
    for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no")):
        ended = subprocess.run([git, *words], cwd=root, capture_output=True, text=True, check=False)
        if ended.returncode:
            said = " ".join(ended.stderr.split())
            logging.warning("The record can't name the revision of %s. git says: %s", root, said)
            return None
        answers.append(ended.stdout.strip())
    revision, changes = answers
    return {"revision": revision, "edited": bool(changes)}


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, f"{key}.{name}".lstrip("."))
    else:
        yield key, value


def _digest(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()

"""The record of a run, `results/{run}/run.json`: write it, check files against it, compare two.

- `reproducible`: config, digest of the manifest, checksums of the detector's networks, and of every
  output, by step (rule). Equal inputs give equal values on any machine that computes alike; the
  measurements in an output are excluded from its checksum.
- `environment`: Python, packages, the lock file's checksum, git revision, machine: the usual
  reasons for differences between machines.
- `measured`: jobs, CPU time and memory of every rule that the record depends on; and the files that
  are not reproducible, why, and their checksums in this run.
- `digest`: of all of the above.

Checksums are SHA-256.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.code_files import ROOT
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import sha256
from workflow_scripts.lib.common.joblog import read_cost
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.faces.finished import MADE_FROM

RECORD = "run.json"
FORMAT = 1
LOCK = ROOT / "envs/base.txt"
NOT_REPRODUCIBLE = {  # reasons by glob pattern
    "faces/*.json": f"its key `{MADE_FROM}` holds the modification time of the video's file",
    "leaderboard.tsv": "its columns `train_...` hold CPU time and memory",
    "figures/leaderboard.html": "it shows CPU time and memory",
    "figures/literature.html": "it shows CPU time and memory",
    "figures/cost.png": "it shows CPU time",
    "figures/run_times.png": "it shows CPU time and memory",
}
ALL_MEASURED = ("figures/literature.html", "figures/cost.png", "figures/run_times.png")


def make_record(
    results: Path,
    config: dict[str, Any],
    videos: Iterable[Video],
    networks: Sequence[Path],
    steps: Mapping[str, Sequence[Path]],
    logs: Sequence[Path],
) -> dict[str, Any]:
    """The content of `run.json`.

    `steps` are the run's outputs by rule, in the workflow's order; a Zarr tree's marker stands for
    all its files. `logs`, below `results/logs`, are those of the jobs whose cost is recorded.
    """
    outputs: dict[str, dict[str, str]] = {}
    measured_files: dict[str, dict[str, str]] = {}
    for step, paths in steps.items():
        outputs[step] = {}
        for path in _all_files(paths):
            name = str(path.relative_to(results))
            if digest := reproducible_digest(results, name):
                outputs[step][name] = digest
            for pattern, why in NOT_REPRODUCIBLE.items():
                if Path(name).match(pattern):
                    measured_files[name] = {"step": step, "sha256": sha256(path), "why": why}
    return with_digest(
        {
            "format": FORMAT,
            "reproducible": {
                "config": config,
                "manifest": manifest_digest(videos),
                "detector": {path.name: sha256(path) for path in networks},
                "outputs": outputs,
            },
            "environment": _environment(),
            "measured": {"cost": _cost_by_rule(logs, results / "logs"), "files": measured_files},
        }
    )


def with_digest(record: dict[str, Any]) -> dict[str, Any]:
    """A record with its digest added."""
    return {**record, "digest": _digest(record)}


def read_record(path: Path) -> dict[str, Any]:
    """Read a `run.json`.

    Raises
    ------
    UserError
        It does not exist, is damaged, or is of another version.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        intact = record.pop("digest") == _digest(record)
    except FileNotFoundError as error:
        raise UserError(
            f"{path} does not exist, so there is nothing to compare with. A run writes it at its "
            "end: run snakemake first, or correct the path."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} cannot be read ({error!r}). Delete it and run snakemake again, which writes a "
            "new one."
        ) from error
    if not intact or record["format"] != FORMAT:
        problem = "is of another version" if intact else "is damaged: its digest does not match"
        raise UserError(f"{path} {problem}. Delete it and run snakemake again.")
    return record


def check_files(results: Path, record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Compare every recorded file of a run with its checksum.

    Returns
    -------
    dict
        Step and description of the problem by the name of each missing or changed file.
    """
    recorded = {
        name: (step, digest)
        for step, outputs in record["reproducible"]["outputs"].items()
        for name, digest in outputs.items()
    }
    for name, file in record["measured"]["files"].items():
        recorded[name] = (file["step"], file["sha256"])
    problems = {}
    for name, (step, digest) in recorded.items():
        try:
            if sha256(results / name) != digest:
                problems[name] = (step, "it was changed after the run had ended")
        except FileNotFoundError:
            problems[name] = (step, "it is missing")
        except OSError as error:
            problems[name] = (step, f"it cannot be read ({error.strerror})")
    logging.info("Compared %d files of %s with their checksums", len(recorded), results)
    return problems


def compare_outputs(
    own: dict[str, Any], other: dict[str, Any]
) -> Iterator[tuple[str, list[str], int]]:
    """The differences between two runs' outputs: step, names of the files that differ, and number
    of all its files, in the workflow's order."""
    here, there = (record["reproducible"]["outputs"] for record in (own, other))
    for step in {**here, **there}:
        files, other_files = here.get(step, {}), there.get(step, {})
        names = sorted(files.keys() | other_files.keys())
        if different := [name for name in names if files.get(name) != other_files.get(name)]:
            yield step, different, len(names)


def compare_causes(own: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """The differences between two runs besides their outputs, a line each."""
    here, there = (
        dict(_flatten({**record["reproducible"], "outputs": {}, **record["environment"]}))
        for record in (own, other)
    )
    for key in {**here, **there}:
        if here.get(key) != there.get(key):
            yield f"{key}: {here.get(key)!r} here, {there.get(key)!r} there"


def manifest_digest(videos: Iterable[Video]) -> str:
    """A checksum of a manifest's rows, independent of the videos' paths and the table's layout."""
    rows = [{**asdict(video), "path": ""} for video in videos]
    return _hash(json.dumps(rows, sort_keys=True))


def reproducible_digest(results: Path, name: str) -> str | None:
    """The checksum of the reproducible content of the file `name` in the folder `results`; None if
    it has none."""
    path = results / name
    if name in ALL_MEASURED:
        return None
    if name == RECORD:
        return _hash(json.dumps(json.loads(path.read_text(encoding="utf-8"))["reproducible"]))
    if Path(name).match("faces/*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        return _hash(json.dumps({key: content[key] for key in content if key != MADE_FROM}))
    if name == "leaderboard.tsv":
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        columns = [i for i, column in enumerate(rows[0]) if not column.startswith("train_")]
        return _hash("\n".join("\t".join(row[i] for i in columns) for row in rows))
    if name == "figures/leaderboard.html":
        page = path.read_text(encoding="utf-8")
        return _hash(re.sub(r'<td class="number cost">.*?</td>', "", page))
    return sha256(path)


def _all_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield path
        tree = path.with_suffix(".zarr")  # see lib/store/zarr_store.py
        if path.suffix == ".json" and tree.is_dir():
            yield from (file for file in sorted(tree.rglob("*")) if file.is_file())


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
    packages = {}
    for name in re.findall(r"^([a-z0-9._-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            packages[name] = importlib.metadata.version(name)
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "git": git_revision(ROOT),
        "lock": {str(LOCK.relative_to(ROOT)): sha256(LOCK)},
        "packages": packages,
    }


def git_revision(root: Path) -> dict[str, Any] | None:
    """The revision of the code in a folder, and whether it was edited since; None without git.

    If git fails, for example because the clone belongs to another user, the log says why.
    """
    git = shutil.which("git")
    if not git or not (root / ".git").exists():
        return None
    command = [git, "describe", "--always", "--dirty", "--abbrev=64", "--exclude=*"]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if ended.returncode:
        reason = " ".join(ended.stderr.split())
        logging.warning("The record can't name the revision of %s. git says: %s", root, reason)
        return None
    revision = ended.stdout.strip()
    return {"revision": revision.removesuffix("-dirty"), "edited": revision.endswith("-dirty")}


def _flatten(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flatten(part, f"{key}.{name}".lstrip("."))
    else:
        yield key, value


def _digest(record: dict[str, Any]) -> str:
    return _hash(json.dumps(record, sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""Show that a change leaves the results of whole runs as they were.

    python -m tests.reproduce make BEFORE     # at the revision before
    python -m tests.reproduce make AFTER      # with the change
    python -m tests.reproduce compare BEFORE AFTER

The runs: a small one (two protocols, two experiments, a learning curve), one that joins two others,
and the demo. What is measured (costs, dates) is left out. Where the change renames files, keys or
columns, `--rename OLD=NEW` says so: OLD is replaced in the names and the text of the files before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tests.projects import (
    Project,
    copy_project,
    few_of,
    small_project,
    small_videos,
    tiny_project,
    write_small_videos,
)
from workflow_scripts.cli.split_manifest import divide_videos

# of files that also tell what was measured, what is left out; None for all
MEASURED = {
    "faces/*.json": ("made_from",),
    "models/*/*/model.json": ("cost", "made"),
    "models/*/*/choice.json": ("cost",),
    "leaderboard.tsv": ("train_cpu_s", "train_peak_memory_mb", "train_tuning_cpu_s"),
    "manifest.tsv": ("path",),
    "figures/leaderboard.html": None,
    "figures/literature.html": None,
    "figures/cost.png": None,
    "figures/run_times.png": None,
    "run.json": ("environment", "measured", "digest"),
}


def make_small(folder: Path) -> Path:
    """The small run; returns its results."""
    write_small_videos(folder / "videos")
    project = small_project(folder / "project", small_videos(folder / "videos"))
    project.snakemake()
    return project.results


def make_joined(folder: Path) -> Path:
    """A run that joins two stores; returns its results."""
    write_small_videos(folder / "videos")
    videos = few_of(small_videos(folder / "videos"))
    parts = []
    for number, rows in enumerate(divide_videos(videos, 2)):
        part = tiny_project(folder / f"part{number}", rows)
        part.snakemake("results/small/store.json")
        parts.append(part.results)
    project = tiny_project(folder / "project", videos)
    project.configure(join_runs=list(map(str, parts)))
    project.snakemake()
    return project.results


def make_demo(folder: Path) -> Path:
    """The demo; returns its results."""
    project: Project = copy_project(folder / "project")
    project.snakemake(configfile="config/config.yaml")
    return folder / "project/results/demo"


RUNS: dict[str, Callable[[Path], Path]] = {
    "small": make_small,
    "joined": make_joined,
    "demo": make_demo,
}


def compare_folders(before: Path, after: Path, renamed: Sequence[tuple[str, str]]) -> list[str]:
    """What differs between two folders of results, a line each; `renamed` are pairs of text."""

    def new(text: str) -> str:
        for old_word, new_word in renamed:
            text = text.replace(old_word, new_word)
        return text

    one = {new(name): new(content) for name, content in _contents(before)}
    other = dict(_contents(after))
    return [
        *(f"{name}: only before" for name in sorted(one.keys() - other.keys())),
        *(f"{name}: only now" for name in sorted(other.keys() - one.keys())),
        *(
            f"{name}: differs"
            for name in sorted(one.keys() & other.keys())
            if one[name] != other[name]
        ),
    ]


def _contents(results: Path) -> Iterator[tuple[str, str]]:
    """The name of each file that a run promises, and what must be the same in it."""
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        hidden = any(part.startswith(".") for part in path.relative_to(results).parts)
        if path.is_file() and not hidden and not name.startswith("logs/"):
            left_out = [keys for pattern, keys in MEASURED.items() if Path(name).match(pattern)]
            if left_out != [None]:
                yield name, _text(path, [key for keys in left_out for key in keys or ()])


def _text(path: Path, left_out: Sequence[str]) -> str:
    if path.suffix == ".json":
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if path.name == "run.json":
            content["reproducible"].pop("outputs")  # they are compared themselves
        kept = {key: value for key, value in content.items() if key not in left_out}
        return json.dumps(kept, sort_keys=True)
    if path.suffix == ".tsv":
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        return table.drop(columns=[*left_out]).to_csv(sep="\t", index=False)
    if path.suffix in (".html", ".rst"):
        return path.read_text(encoding="utf-8")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _pair(text: str) -> tuple[str, str]:
    old, found, new = text.partition("=")
    if not (old and found):
        raise argparse.ArgumentTypeError(f"{text!r} is not OLD=NEW")
    return old, new


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.reproduce",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(dest="step", required=True)
    make = steps.add_parser("make", help="make the runs in a folder")
    make.add_argument("folder", type=Path, metavar="FOLDER")
    make.add_argument("--runs", nargs="+", choices=RUNS, default=[*RUNS])
    compare = steps.add_parser("compare", help="compare two such folders")
    compare.add_argument("before", type=Path, metavar="BEFORE")
    compare.add_argument("after", type=Path, metavar="AFTER")
    compare.add_argument("--rename", nargs="+", type=_pair, default=[], metavar="OLD=NEW")
    options = parser.parse_args(arguments)
    if options.step == "make":
        for run in options.runs:
            print(RUNS[run]((options.folder / run).resolve()), flush=True)
        return 0
    differences = []
    for run in sorted(path.name for path in options.after.iterdir()):
        found = compare_folders(
            *(_results(folder / run) for folder in (options.before, options.after)), options.rename
        )
        print(f"{run}: {'as before' if not found else f'{len(found)} files differ'}")
        print(*(f"  {line}" for line in found), sep="\n", end="\n" if found else "")
        differences += found
    return bool(differences)


def _results(folder: Path) -> Path:
    """Where the results of a run in `folder` lie."""
    (results,) = (path for path in (folder / "project/results").iterdir() if path.is_dir())
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

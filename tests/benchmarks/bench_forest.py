"""The pixel forest against scikit-learn's, on made rows of the study's size.

    python -m tests.benchmarks.bench_forest [--rows 13984] [--columns 307200] [--trees 500]

Rows are smooth random pictures with noise and a weak signal, seven of one label to a group and
seven of the other; of ten groups eight are for training. Each way is a process of its own that
reads the same file. Fit and prediction are CPU seconds within it, after a fit of a few columns
that loads the compiled code, and after scikit-learn's matrix has been made one of floats: row by
row, as crops come, or column by column, which its trees like better. The last
way reads the matrix from a mapped file while the system holds the process to 2 GB (a cgroup of
version 1, which takes root; else that way is left out).

The floor is what exact trees with these candidates can't do without: each column that some node
drew comes from memory once a pass, and each drawn column's value is looked up, in the cache, for
each of the node's rows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numba import njit
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from workflow_scripts.lib.common.joblog import cost_so_far
from workflow_scripts.lib.training.pixel_forest import growth as trees
from workflow_scripts.lib.training.pixel_forest.classifier import PixelForestClassifier, map_columns

PEER_TREES = 4
LIMIT = 2 << 30
CGROUP = Path("/sys/fs/cgroup/memory")
STUDY_GRID_S = 45_012
PER_GROUP, SIZES, FOLDS = 14, (100, 500, 1000, 2000), 5


def make(folder: Path, n_rows: int, n_columns: int) -> None:
    """Write the files `train` and `test` (columns, rows) uint8, and the labels of both."""
    rng = np.random.default_rng(0)
    n_groups = -(-n_rows // PER_GROUP)
    group = np.arange(n_rows) // PER_GROUP
    label = np.arange(n_rows) // 7 % 2
    side = round((n_columns / 3) ** 0.5 + 0.5)
    rough = rng.normal(size=(40, 13, 13, 3))
    shapes = np.stack([cv2.resize(r, (side, side), interpolation=cv2.INTER_CUBIC) for r in rough])
    shapes = shapes.reshape(40, -1)[:, :n_columns].astype(np.float32)
    mix = rng.normal(size=(n_groups, 40))[group] * 14 + rng.normal(size=(n_rows, 40)) * 5
    mix[:, :4] += 4 * (2 * label - 1)[:, None]
    mix = mix.astype(np.float32)
    parts = {"train": group % 10 < 8, "test": group % 10 >= 8}
    files = {
        name: np.memmap(folder / name, np.uint8, "w+", shape=(n_columns, int(part.sum())))
        for name, part in parts.items()
    }
    for first in range(0, n_columns, 2048):
        block = shapes[:, first : first + 2048].T @ mix.T
        block += 120 + 6 * rng.standard_normal(block.shape, np.float32)
        block = np.clip(block, 0, 255).astype(np.uint8)
        for name, part in parts.items():
            files[name][first : first + 2048] = block[:, part]
    np.savez(folder / "labels.npz", train=label[parts["train"]], test=label[parts["test"]])


def read(folder: Path, part: str, labels: Any) -> np.ndarray:
    return np.fromfile(folder / part, np.uint8).reshape(-1, len(labels[part]))


def go(way: str, folder: Path, n_trees: int) -> dict[str, float]:
    """Fit and predict in this process; return what it cost."""
    labels = np.load(folder / "labels.npz")
    mapped = map_columns(folder / "train", len(labels["train"]))
    start = time.process_time()
    if way.startswith("sklearn"):
        model = RandomForestClassifier(n_trees, random_state=0, n_jobs=1)
        X = read(folder, "train", labels).T
        # as fit does; not counted; "C" is how crops come
        X = X.astype(np.float32, "F") if way == "sklearn-columns" else X.astype(np.float32, "C")
    else:
        model = PixelForestClassifier(n_trees, random_state=0, n_jobs=1)
        few = mapped[:100, :].copy()
        if way == "mapped":
            few.setflags(write=False)  # it is compiled for this, too
        small = PixelForestClassifier(1).fit(few.T, labels["train"])
        small.predict_proba(np.ascontiguousarray(few.T[:2]))
        X = (mapped if way == "mapped" else read(folder, "train", labels)).T
    cost = {"start": time.process_time() - start}
    start = time.process_time()
    wall = time.perf_counter()
    model.fit(X, labels["train"])
    cost["fit"] = time.process_time() - start
    cost["wall"] = time.perf_counter() - wall
    cost["memory"] = cost_so_far()["peak_memory_mb"]  # fit's, before the test rows come
    del X
    if way == "mapped":
        return cost
    test = np.ascontiguousarray(map_columns(folder / "test", len(labels["test"])).T)
    start = time.process_time()
    scores = model.predict_proba(test)[:, 1]
    cost["predict"] = time.process_time() - start
    cost["auc"] = roc_auc_score(labels["test"], scores)
    return cost


def count_work(folder: Path, n_trees: int) -> dict[str, float]:
    """What trees read and look up, and what that costs here at least, without finding splits."""
    labels = np.load(folder / "labels.npz")
    matrix = read(folder, "train", labels)
    n_rows = matrix.shape[1]
    draw, counts = trees._draw_candidates, {"bytes": 0, "lookups": 0}

    def counting(nodes: np.ndarray, *arguments: Any) -> tuple[np.ndarray, np.ndarray]:
        begins, draws = draw(nodes, *arguments)
        rows = nodes["stop"] - nodes["start"]
        counts["bytes"] += int((np.diff(begins) > 0).sum()) * n_rows
        counts["lookups"] += int(rows[draws[:, 0]].sum())
        return begins, draws

    trees._draw_candidates = counting
    PixelForestClassifier(n_trees, random_state=0, n_jobs=1).fit(matrix.T, labels["train"])
    words = matrix.reshape(-1)[: matrix.size // 8 * 8].view(np.int64)
    rows = np.sort(np.random.default_rng(0).choice(n_rows, n_rows // 2, replace=False))
    look_up(matrix[:2], rows, 1)
    seconds_a_byte = _cpu_s(words.sum) / words.nbytes
    repeats = 10_000
    seconds_a_lookup = _cpu_s(lambda: look_up(matrix[:2], rows, repeats)) / (repeats * len(rows))
    cost = {name: count / n_trees for name, count in counts.items()}
    cost["reading"] = cost["bytes"] * seconds_a_byte
    cost["looking up"] = cost["lookups"] * seconds_a_lookup
    return cost


@njit
def look_up(columns: np.ndarray, rows: np.ndarray, repeats: int) -> int:
    """Add up values of some rows, again and again, from two columns in turn."""
    total = 0
    for repeat in range(repeats):
        column = columns[repeat & 1]
        for row in rows:
            total += column[row]
    return total


def _cpu_s(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def process(way: str, folder: Path, n_trees: int) -> dict[str, float]:
    """Go one way in a process of its own; a mapped one is held to the limit."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_forest", "--way", way]
    command += ["--folder", str(folder), "--trees", str(n_trees)]
    group = CGROUP / f"bench_forest_{os.getpid()}"
    if way == "mapped":
        forget(folder / "train")
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(LIMIT))
        command = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command]
    try:
        ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        cost = json.loads(ended.stdout)
        if way == "mapped":
            cost["memory"] = int((group / "memory.max_usage_in_bytes").read_text()) / 1e6
    finally:
        if way == "mapped":
            group.rmdir()
    return cost


def forget(path: Path) -> None:
    """Have the system drop a file's pages: those that it has already count for no process."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def compare(folder: Path, n_trees: int, peer_trees: int) -> None:
    """Print the table."""
    process("ours", folder, 1)  # compiles what no process before has
    ways = {"sklearn": peer_trees, "sklearn-columns": peer_trees}
    ways |= {"ours": peer_trees, "ours, all": n_trees}
    costs = {way: process(way.split(",")[0], folder, trees) for way, trees in ways.items()}
    if os.access(CGROUP, os.W_OK):
        ways["mapped"] = n_trees
        costs["mapped"] = process("mapped", folder, n_trees)
    print(f"{'way':<15} {'trees':>5} {'fit, CPU s/tree':>16} {'wall':>7} {'peak MB':>8}", end="")
    print(f" {'predict, CPU s':>15} {'AUC':>6}")
    for way, cost in costs.items():
        a_tree, wall = cost["fit"] / ways[way], cost["wall"] / ways[way]
        print(f"{way:<15} {ways[way]:5} {a_tree:16.3f} {wall:7.3f} {cost['memory']:8.0f}", end="")
        print(f" {cost.get('predict', np.nan):15.3f} {cost.get('auc', np.nan):6.3f}")
    tree = costs["ours, all"]["fit"] / n_trees
    work = process("work", folder, n_trees)
    floor = work["reading"] + work["looking up"]
    print(
        f"a tree reads {work['bytes'] / 1e9:.2f} GB ({work['reading']:.3f} CPU s) and looks up "
        f"{work['lookups'] / 1e6:.0f} million values ({work['looking up']:.3f} CPU s): "
        f"{tree / floor:.1f}x the floor"
    )
    for way in ("sklearn", "sklearn-columns"):
        ratio = costs[way]["fit"] / peer_trees / tree
        faster = costs[way]["predict"] / costs["ours"]["predict"]
        print(f"against {way}: {ratio:.0f}x less CPU a tree, {faster:.0f}x less to predict")
    largest = SIZES[-1] * tree
    grid = (FOLDS * 0.8 + 1) * largest  # a fold's trees see 80 % of the rows
    peer_grid = (FOLDS * 0.8 * sum(SIZES) + SIZES[-1]) * costs["sklearn"]["fit"] / peer_trees
    print(f"the study's grid ({FOLDS} folds of {SIZES} trees, and a refit), CPU s, extrapolated:")
    print(f"scikit-learn {peer_grid:.0f}; the study told {STUDY_GRID_S}")
    for what, seconds in (("ours by folds", grid), ("ours out of bag", largest)):
        shares = f"1/{peer_grid / seconds:.0f} of scikit-learn's, 1/{STUDY_GRID_S / seconds:.0f}"
        print(f"{what} {seconds:.0f}: {shares} of the study's")


def main(command_line: list[str] | None = None) -> None:
    """Compare the ways, or, as a child, go one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=13_984)
    parser.add_argument("--columns", type=int, default=307_200)
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--peer-trees", type=int, default=PEER_TREES)
    parser.add_argument("--folder", type=Path, help="where the made rows are, or go")
    ways = ("sklearn", "sklearn-columns", "ours", "mapped", "work")
    parser.add_argument("--way", choices=ways, help=argparse.SUPPRESS)
    arguments = parser.parse_args(command_line)
    if arguments.way:
        work = count_work if arguments.way == "work" else partial(go, arguments.way)
        print(json.dumps(work(arguments.folder, arguments.trees)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "labels.npz").exists():
            make(folder, arguments.rows, arguments.columns)
        compare(folder, arguments.trees, arguments.peer_trees)


if __name__ == "__main__":
    main()

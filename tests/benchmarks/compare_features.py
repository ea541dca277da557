"""What each feature set is worth on people that the forest has not seen, and what it costs.

    python -m tests.benchmarks.compare_features [--small] STORE [STORE ...]

Takes the stores of finished runs (`results/RUN/store.zarr`; the methods stand in `quality.tsv`
beside them) and prints Markdown tables. Groups of people are left out in turn, so that nobody is
ever in both training and test; all figures are AUC per video. In each run, for all real videos
against the fakes of each method, the forest is trained on that method alone and on all methods.

A recipe is chosen by nested cross-validation: for each group that is left out, the recipe that is
best on the other groups, each left out in turn, judges it. With several stores the forest, and the
choice, are also made on one run and tested on other groups of another (which need the same names in
both).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np

from tests.benchmarks.measure import SMALL
from tests.benchmarks.rejected_features import REJECTED
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.evaluation.metrics import evaluate, video_scores
from workflow_scripts.lib.features import FEATURE_SETS, recipe
from workflow_scripts.lib.store.zarr_store import iter_crops, load_matrix, read_rows
from workflow_scripts.lib.training.model_files import fake_scores
from workflow_scripts.lib.training.registry import make_model

RECIPES = (
    "pixels",
    "spectrum",
    "residual",
    "dct",
    "sparsity",
    "correlation",
    "spectrum+residual",
    "dct+sparsity",
    "dct+sparsity+correlation",
    "spectrum+dct+sparsity",
    "spectrum+dct+sparsity+correlation",
    "spectrum+residual+dct+sparsity+correlation",
)
WITH_REJECTED = "spectrum+dct+sparsity"  # what rejected sets are added to
SIDE = {"pixels": 64}  # the others take the crops as they are
MODEL = "extra_trees"
PARAMS = {"min_samples_leaf": 2, "class_weight": "balanced"}
TREES, TREES_WHEN_SMALL = 500, 5
SEED, RESAMPLES, COVERAGE = 1, 2000, 0.95
ALL, UNNAMED = "all methods", "fakes"


@dataclass(frozen=True)
class Run:
    """The rows of a run's store, and the matrix of each single feature set, rejected ones too."""

    name: str
    label: np.ndarray
    video: np.ndarray
    group: np.ndarray
    method: np.ndarray
    matrices: dict[str, np.ndarray]

    @property
    def methods(self) -> list[str]:
        """The methods of its fakes, in order of appearance."""
        return list(dict.fromkeys(self.method[self.label == 1].tolist()))

    def rows_of(self, method: str) -> np.ndarray:
        """Which rows are real, or fakes of `method`: (n,) bool."""
        return (self.label == 0) | (method == ALL) | (self.method == method)

    def matrix(self, name: str) -> np.ndarray:
        """The matrix of a feature set, or of several joined by `+`."""
        return np.concatenate([self.matrices[part] for part in name.split("+")], axis=1)


def load_run(store: Path) -> Run:
    """Read a run's rows, and make the matrices of all feature sets."""
    rows = read_rows(store)
    table = read_table(store.parent / "quality.tsv")
    method_of = dict(zip(table["video_id"], table["method"].fillna(UNNAMED), strict=True))
    everything = np.arange(len(rows.label))
    matrices = {
        name: load_matrix(store, everything, recipe(name, SIDE.get(name))) for name in FEATURE_SETS
    }
    matrices |= {name: extract(store) for name, extract in REJECTED.items()}
    methods = np.array([method_of[video] for video in rows.video])
    return Run(store.parent.name, rows.label, rows.video, rows.group, methods, matrices)


def score_unseen(
    train: Run, test: Run, name: str, trained_on: str, left_out: tuple[str, ...], trees: int
) -> np.ndarray:
    """Score all of `test`'s rows by a forest that never saw the groups `left_out`: (n,), NaN for
    other groups."""
    known = train.rows_of(trained_on) & ~np.isin(train.group, left_out)
    forest = make_model(MODEL, {**PARAMS, "n_estimators": trees}, SEED, threads=2)
    forest.fit(train.matrix(name)[known], train.label[known])
    scores = np.full(len(test.label), np.nan)
    unseen = np.isin(test.group, left_out)
    scores[unseen] = fake_scores(forest, test.matrix(name)[unseen])
    return scores


def measure(run: Run, scores: np.ndarray, method: str, resamples: int = 0) -> dict[str, float]:
    """AUC per video of the rows that have a score, for the fakes of one method."""
    rows = run.rows_of(method) & np.isfinite(scores)
    per_video, first = video_scores(scores[rows], run.video[rows])
    labels, groups = run.label[rows][first], run.group[rows][first]
    return evaluate(labels, per_video, per_video, groups, 0.5, resamples, COVERAGE, SEED)["roc_auc"]


class LeaveGroupsOut:
    """The scores of every recipe for the groups of a run, by forests that never saw them."""

    def __init__(self, run: Run, trees: int) -> None:
        self.run = run
        self.trees = trees
        self.groups = sorted(set(run.group.tolist()))
        trainings = dict.fromkeys([*run.methods, ALL]) if len(run.methods) > 1 else run.methods
        self.tasks = [(on, m) for on in trainings for m in run.methods if on in (m, ALL)]
        self.scores = cache(self._scores)  # a fit serves both groups of a pair
        self.best = cache(self._best)

    def _scores(self, name: str, trained_on: str, left_out: tuple[str, ...]) -> np.ndarray:
        return score_unseen(self.run, self.run, name, trained_on, left_out, self.trees)

    def plain(self, name: str, trained_on: str) -> np.ndarray:
        """Scores by forests that saw all groups but the row's own."""
        return self.chosen_by(lambda group: name, trained_on)

    def nested(self, trained_on: str) -> np.ndarray:
        """The same, each group by the recipe that was chosen without it."""
        return self.chosen_by(self.best, trained_on)

    def chosen_by(self, choose: Callable[[str], str], trained_on: str) -> np.ndarray:
        """The same, each group by a recipe of its own."""
        return np.nansum([self.scores(choose(g), trained_on, (g,)) for g in self.groups], axis=0)

    def _best(self, group: str) -> str:
        """The recipe with the highest mean AUC of all tasks on the groups other than `group`; the
        first of equals."""
        means = [np.mean(list(self._without(group, name))) for name in RECIPES]
        return RECIPES[int(np.argmax(means))]

    def _without(self, group: str, name: str) -> Iterator[float]:
        for trained_on, method in self.tasks:
            scores = np.full(len(self.run.label), np.nan)
            for other in set(self.groups) - {group}:
                pair = tuple(sorted((group, other)))
                rows = self.run.group == other
                scores[rows] = self.scores(name, trained_on, pair)[rows]
            yield measure(self.run, scores, method)["value"]


def show(result: dict[str, float]) -> str:
    """A value and its interval."""
    if result["low"] is None:
        return f"{result['value']:.2f}"
    return f"{result['value']:.2f} ({result['low']:.2f} to {result['high']:.2f})"


def heading(tasks: list[tuple[str, str]]) -> list[str]:
    """The columns of a table with a figure per task."""
    return [method + (", trained on all" if on == ALL else "") for on, method in tasks]


def print_table(head: list[str], lines: list[list[str]]) -> None:
    """Print a Markdown table."""
    for line in (head, ["---"] * len(head), *lines):
        print(f"| {' | '.join(line)} |")
    print(flush=True)


def compare_costs(store: Path) -> None:
    """Print what each set costs, on the store's first crops."""
    rows = np.arange(len(read_rows(store).label))
    _, crops = next(iter_crops(store, rows))
    lines = []
    for name, feature_set in FEATURE_SETS.items():
        feature_set.extract(crops[:1])  # fills its caches
        start = time.process_time()
        feature_set.extract(crops)
        spent = 1000 * (time.process_time() - start) / len(crops)
        lines.append([f"`{name}`", str(len(feature_set.columns(crops.shape[1]))), f"{spent:.1f}"])
    print(f"Cost, {len(crops)} crops of {crops.shape[1]} pixels:\n")
    print_table(["features", "columns", "CPU ms per crop"], lines)


def compare_recipes(trial: LeaveGroupsOut) -> None:
    """Print every recipe's AUC, and that of the recipe chosen by nested cross-validation."""
    run, tasks = trial.run, trial.tasks

    def line(name: str) -> list[str]:
        results = [measure(run, trial.plain(name, on), method) for on, method in tasks]
        return [f"`{name}`", *map(show, results)]

    real, fake = (len(set(run.video[run.label == label].tolist())) for label in (0, 1))
    print(f"Run {run.name}: {real} real and {fake} fake videos, {len(trial.groups)} groups of")
    print("people, each left out in turn:\n")
    print_table(["features", *heading(tasks)], [line(name) for name in RECIPES])
    print("Rejected, alone and added:\n")
    rejected = [line(part + name) for name in REJECTED for part in ("", f"{WITH_REJECTED}+")]
    print_table(["features", *heading(tasks)], rejected)

    print(f"Nested, chosen among the {len(RECIPES)} recipes of the first table without the group")
    print(
        f"that is judged ({COVERAGE:.0%} interval by bootstrap over {len(trial.groups)} groups):\n"
    )
    nested = [measure(run, trial.nested(on), method, RESAMPLES) for on, method in tasks]
    print_table(["", *heading(tasks)], [["nested", *map(show, nested)]])
    print_table(["group", "chosen without it"], [[g, f"`{trial.best(g)}`"] for g in trial.groups])


def compare_runs(trial: LeaveGroupsOut, test: Run) -> None:
    """Print the AUC of forests that were trained, and whose recipe was chosen, on one run, and that
    are tested on other groups of another."""
    train = trial.run
    tasks = [(on, method) for on, method in trial.tasks if method in test.methods]
    groups = [group for group in trial.groups if group in test.group]
    lines = []
    for title, choose in (("`pixels`", lambda group: "pixels"), ("nested", trial.best)):
        results = []
        for on, method in tasks:
            folds = [
                score_unseen(train, test, choose(group), on, (group,), trial.trees)
                for group in groups
            ]
            scores = np.where(np.isnan(folds).all(axis=0), np.nan, np.nansum(folds, axis=0))
            results.append(measure(test, scores, method, RESAMPLES))
        lines.append([title, *map(show, results)])
    print(f"Trained on {train.name}, tested on other people of {test.name}:\n")
    print_table(["features", *heading(tasks)], lines)


def main() -> None:
    """Compare the feature sets on the stores of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stores", nargs="+", type=Path, metavar="STORE")
    parser.add_argument("--small", action="store_true", help=SMALL)
    arguments = parser.parse_args()
    stores, trees = arguments.stores, TREES_WHEN_SMALL if arguments.small else TREES
    compare_costs(stores[0])
    trials = [LeaveGroupsOut(load_run(store), trees) for store in stores]
    for trial in trials:
        if len(trial.groups) < 3:
            raise SystemExit(f"{trial.run.name} has {len(trial.groups)} groups; 3 are needed.")
    for trial in trials:
        compare_recipes(trial)
    for train, test in permutations(trials, 2):
        compare_runs(train, test.run)


if __name__ == "__main__":
    main()

"""What each feature set is worth on people that the forest has not seen, and what it costs.

python -m tests.benchmarks.compare_features STORE [STORE ...]

Takes the stores of finished runs (`results/RUN/store.zarr`; the methods stand in `quality.tsv`
beside them) and prints Markdown tables. Groups of people are left out in turn, so that nobody is
ever in both training and test; all figures are AUC per video. In each run, for all real videos
against the fakes of each method, the forest is trained on that method alone and on all methods.

A recipe is chosen by nested cross-validation: for each group that is left out, the recipe that is
best on the other groups, each left out in turn, judges it. With several stores the forest is also
trained on one run and tested on another, on other groups (which need the same names in both).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np

from workflow_scripts.lib.features import FEATURE_SETS, recipe
from workflow_scripts.lib.metrics import evaluate, video_scores
from workflow_scripts.lib.models import fake_scores, make_model
from workflow_scripts.lib.store import load_matrix, read_rows
from workflow_scripts.lib.tables import read_table

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
SIDE = {"pixels": 64}  # the others take the crops as they are
MODEL = "extra_trees"
PARAMS = {"n_estimators": 500, "min_samples_leaf": 2, "class_weight": "balanced"}
SEED, RESAMPLES, COVERAGE = 1, 2000, 0.95
ALL = "all methods"


@dataclass(frozen=True)
class Run:
    """The rows of a run's store, and the matrix of each single feature set."""

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
    method_of = dict(zip(table["video_id"], table["method"], strict=True))
    everything = np.arange(len(rows.label))
    matrices = {
        name: load_matrix(store, everything, recipe(name, SIDE.get(name))) for name in FEATURE_SETS
    }
    methods = np.array([method_of[video] for video in rows.video])
    return Run(store.parent.name, rows.label, rows.video, rows.group, methods, matrices)


def score_unseen(
    train: Run, test: Run, name: str, trained_on: str, left_out: tuple[str, ...]
) -> np.ndarray:
    """Score all of `test`'s rows by a forest that never saw the groups `left_out`: (n,), NaN for
    other groups."""
    known = train.rows_of(trained_on) & ~np.isin(train.group, left_out)
    forest = make_model(MODEL, PARAMS, SEED, threads=2)
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
    return evaluate(labels, per_video, groups, 0.5, resamples, COVERAGE, SEED)["roc_auc"]


class LeaveGroupsOut:
    """Every recipe's scores for every group, by forests that saw neither it nor one other."""

    def __init__(self, run: Run, recipes: tuple[str, ...]) -> None:
        self.run, self.recipes = run, recipes
        self.groups = sorted(set(run.group.tolist()))
        self.tasks = [
            *((method, method) for method in run.methods),
            *((ALL, method) for method in run.methods if len(run.methods) > 1),
        ]
        self.scores = cache(self._scores)

    def _scores(self, name: str, trained_on: str, left_out: tuple[str, ...]) -> np.ndarray:
        return score_unseen(self.run, self.run, name, trained_on, left_out)

    def plain(self, name: str, trained_on: str) -> np.ndarray:
        """Scores by forests that saw all groups but the row's own."""
        folds = [self.scores(name, trained_on, (group,)) for group in self.groups]
        return np.nansum(folds, axis=0)

    def best(self, group: str) -> str:
        """The recipe with the highest mean AUC of all tasks on the groups other than `group`; the
        first of equals."""
        means = [np.mean(list(self._inner(name, group))) for name in self.recipes]
        return self.recipes[int(np.argmax(means))]

    def _inner(self, name: str, group: str) -> Iterator[float]:
        for trained_on, method in self.tasks:
            scores = np.full(len(self.run.label), np.nan)
            for other in self.groups:
                if other != group:
                    pair = tuple(sorted((group, other)))
                    of_other = self.run.group == other
                    scores[of_other] = self.scores(name, trained_on, pair)[of_other]
            yield measure(self.run, scores, method)["value"]

    def nested(self, chosen: dict[str, str], trained_on: str) -> np.ndarray:
        """Each group's scores by the recipe that was chosen without it."""
        folds = [self.scores(chosen[group], trained_on, (group,)) for group in self.groups]
        return np.nansum(folds, axis=0)


def show(result: dict[str, float]) -> str:
    """A value and its interval."""
    if result["low"] is None:
        return f"{result['value']:.2f}"
    return f"{result['value']:.2f} ({result['low']:.2f} to {result['high']:.2f})"


def print_table(head: list[str], lines: list[list[str]]) -> None:
    """Print a Markdown table."""
    for line in (head, ["---"] * len(head), *lines):
        print(f"| {' | '.join(line)} |")
    print()


def compare_costs(store: Path) -> None:
    """Print what each set costs, on the store's first crops."""
    crops = next(load_crops(store))
    lines = []
    for name, feature_set in FEATURE_SETS.items():
        feature_set.extract(crops[:1])  # compiles
        start = time.process_time()
        feature_set.extract(crops)
        spent = 1000 * (time.process_time() - start) / len(crops)
        lines.append([f"`{name}`", str(len(feature_set.columns(crops.shape[1]))), f"{spent:.1f}"])
    print(f"Cost, {len(crops)} crops of {crops.shape[1]} pixels:\n")
    print_table(["features", "columns", "CPU ms per crop"], lines)


def load_crops(store: Path) -> Iterator[np.ndarray]:
    """A store's crops, a part at a time."""
    from workflow_scripts.lib.store import iter_crops

    for _, crops in iter_crops(store, np.arange(len(read_rows(store).label))):
        yield crops


def compare_recipes(run: Run) -> None:
    """Print every recipe's AUC, and that of the recipe chosen by nested cross-validation."""
    trial = LeaveGroupsOut(run, RECIPES)
    videos = [len(set(run.video[run.label == label].tolist())) for label in (0, 1)]
    print(f"Run {run.name}: {videos[0]} real and {videos[1]} fake videos,", end=" ")
    print(f"{len(trial.groups)} groups of people, each left out in turn:\n")
    head = [f"{m}, trained on {'it' if on == m else 'all'}" for on, m in trial.tasks]
    lines = [
        [f"`{name}`"]
        + [
            f"{measure(run, trial.plain(name, on), method)['value']:.2f}"
            for on, method in trial.tasks
        ]
        for name in RECIPES
    ]
    print_table(["features", *head], lines)

    chosen = {group: trial.best(group) for group in trial.groups}
    print(f"Nested: the recipe is chosen among these {len(RECIPES)} without the group it judges")
    print(f"({COVERAGE:.0%} interval by bootstrap over {len(trial.groups)} groups).\n")
    figures = [
        show(measure(run, trial.nested(chosen, on), method, RESAMPLES))
        for on, method in trial.tasks
    ]
    print_table(["", *head], [["nested", *figures]])
    print_table(["group left out", "chosen"], [[g, f"`{name}`"] for g, name in chosen.items()])


def compare_runs(train: Run, test: Run, names: list[str]) -> None:
    """Print the AUC of forests trained on one run and tested on other groups of another."""
    methods = [method for method in test.methods if method in train.methods]
    groups = sorted(set(test.group.tolist()))
    tasks = [(on, method) for method in methods for on in dict.fromkeys((method, ALL))]
    lines = []
    for name in names:
        line = [f"`{name}`"]
        for trained_on, method in tasks:
            folds = [score_unseen(train, test, name, trained_on, (group,)) for group in groups]
            line.append(show(measure(test, np.nansum(folds, axis=0), method, RESAMPLES)))
        lines.append(line)
    print(f"Trained on {train.name}, tested on other people of {test.name}:\n")
    head = [f"{m}, trained on {'it' if on == m else 'all'}" for on, m in tasks]
    print_table(["features", *head], lines)


def main() -> None:
    """Compare the feature sets on the stores of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stores", nargs="+", type=Path, metavar="STORE")
    stores = parser.parse_args().stores
    compare_costs(stores[0])
    runs = [load_run(store) for store in stores]
    for run in runs:
        compare_recipes(run)
    for train, test in permutations(runs, 2):
        compare_runs(train, test, list(RECIPES))


if __name__ == "__main__":
    main()

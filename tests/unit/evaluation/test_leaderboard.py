"""The leaderboard: honest rows first, and where each was tested."""

import json

import pandas as pd
import pytest

from workflow_scripts.evaluation import leaderboard
from workflow_scripts.evaluation.leaderboard import METRICS
from workflow_scripts.lib.common.tables import OWN, own_rows, read_table
from workflow_scripts.report import render_leaderboard, render_literature

METRIC_NAMES = {name for names in METRICS.values() for name in names}


def metrics_of(area):
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6}
    metrics = {name: dict(estimate) for name in METRIC_NAMES}
    return {"n": 10, "groups": 5, **metrics, "roc_auc": {**estimate, "value": area}}


def write(folder, *results):
    """A leaderboard of results: (experiment, protocol, tested on, leak, AUC)."""
    evaluations, cards = [], {}
    for number, (experiment, protocol, tested_on, leak, area) in enumerate(results):
        path = folder / f"{number}.json"
        about = {"experiment": experiment, "protocol": protocol, "tested_on": tested_on}
        of_level = {"video": metrics_of(area), "frame": metrics_of(area)}
        path.write_text(json.dumps({**about, "leak": {"word": leak}, **of_level}))
        evaluations.append(path)
        card = {
            "experiment": experiment,
            "protocol": protocol,
            "model": f"model of {experiment}",
            "features": {"name": "pixels", "resize": 64},
        }
        cards[experiment, protocol] = folder / f"{experiment}-{protocol}.json"
        cards[experiment, protocol].write_text(json.dumps(card))
    keys = list(enumerate(cards, start=1))
    trained = [log(folder / f"train_model/{p}/{e}.log", 10.0 * n) for n, (e, p) in keys]
    tuned = [
        log(folder / f"fit_fold/{p}/{e}/settings/{fold}.log", n + fold / 10)
        for n, (e, p) in reversed(keys)
        for fold in range(2)
    ]
    board = folder / "leaderboard.tsv"
    leaderboard.main(evaluations, list(cards.values()), trained, tuned, board)
    return board


def log(path, cpu_s):
    """The log of a job that cost so much."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'2031-01-01 INFO cost: {{"cpu_s": {cpu_s}, "peak_memory_mb": {100 * cpu_s}}}\n'
    )
    return path


RESULTS = (
    ("a", "frame", OWN, "video", 0.99),
    ("a", "identity", OWN, "no", 0.6),
    ("b", "identity", OWN, "no", 0.7),
    ("a", "identity", "zoo", "no", 0.9),
    ("b", "identity", "zoo", "no", 0.8),
    ("a", "identity", "far", "unknown", 0.95),
)


def test_honest_rows_first_and_the_own_test_part_before_other_runs(tmp_path):
    board = read_table(write(tmp_path, *RESULTS))
    assert board[["experiment", "tested_on", "leak"]].to_numpy().tolist() == [
        ["b", OWN, "no"],
        ["a", OWN, "no"],
        ["a", "zoo", "no"],
        ["b", "zoo", "no"],
        ["a", "far", "unknown"],
        ["a", OWN, "leaky: video"],
    ]
    assert board["model"].tolist() == [f"model of {name}" for name in board["experiment"]]
    assert own_rows(board)["video_roc_auc"].tolist() == [0.7, 0.6, 0.99]


def test_costs_are_those_of_the_logs(tmp_path):
    board = own_rows(read_table(write(tmp_path, *RESULTS)))
    costs = ["train_cpu_s", "train_peak_memory_mb", "train_tuning_cpu_s"]
    assert list(board.columns[-3:]) == costs
    assert board[["experiment", "protocol", *costs]].to_numpy().tolist() == [
        ["b", "identity", 30.0, 3000.0, 6.1],
        ["a", "identity", 20.0, 2000.0, 4.1],
        ["a", "frame", 10.0, 1000.0, 2.1],
    ]


@pytest.mark.parametrize("cross_dataset", [True, False])
def test_the_page_says_where_a_row_was_tested(tmp_path, cross_dataset):
    board = write(tmp_path, *(RESULTS if cross_dataset else RESULTS[:3]))
    render_leaderboard.main(board, 0.95, False, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert ("<td>zoo</td>" in page) == ("<th>tested on</th>" in page) == cross_dataset


def published(folder, *results):
    table = {
        "test_fraction": [0.2],
        "experiment": ["a"],
        "model": ["forest"],
        "published_accuracy": [0.856],
        "published_cpu_s": [579],
        "published_memory_gb": [17.3],
        "source": ["a paper"],
    }
    pd.DataFrame(table).to_csv(folder / "published.tsv", sep="\t", index=False)
    picture = folder / "curve.png"
    picture.write_bytes(b"a picture")
    board = write(folder, *results)
    render_literature.main(folder / "published.tsv", board, picture, 0.2, folder / "page.html")
    return (folder / "page.html").read_text()


def test_the_page_of_published_results_uses_the_own_test_part_only(tmp_path):
    page = published(tmp_path, *RESULTS)
    assert "0.600" in page
    assert "0.900" not in page
    assert "data:image/png;base64,YSBwaWN0dXJl" in page


@pytest.mark.parametrize("word", ["no", "unknown", "person"])
def test_the_page_of_published_results_marks_leaks(tmp_path, word):
    page = published(tmp_path, ("a", "identity", OWN, word, 0.6), ("a", "frame", OWN, "video", 0.9))
    cells = [line for line in page.split("<td") if "0.600" in line]
    assert len(cells) == 1
    assert (word in cells[0]) == (word != "no")
    (leaky,) = [line for line in page.split("<td") if "0.500" in line and "leaky: video" in line]
    assert 'class="number leak"' in leaky


def test_a_row_without_an_auc_comes_last(tmp_path):
    board = read_table(write(tmp_path, ("a", "identity", OWN, "no", None), *RESULTS[2:3]))
    assert board["experiment"].tolist() == ["b", "a"]

"""Settings are selected by their validation scores."""

import json

import pandas as pd
import pytest

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.training import select_hyperparameters


@pytest.fixture
def folder(tmp_path):
    """A split of four videos of two groups."""
    split = pd.DataFrame(
        {
            "row": range(8),
            "video": [f"v{n // 2}" for n in range(8)],
            "frame": [n % 2 for n in range(8)],
            "group": ["a"] * 4 + ["b"] * 4,
            "label": (["real"] * 2 + ["fake"] * 2) * 2,
            "method": "m",
            "compression": "c23",
            "dataset": "d",
            "split": "train",
        }
    )
    split.to_csv(tmp_path / "split.tsv", sep="\t", index=False)
    return tmp_path


def select(folder, *folds):
    """The choice for folds of rows and scores, two settings each."""
    paths = []
    for number, scores in enumerate(folds):
        paths.append(folder / f"{number}.tsv")
        columns = ["row", "score_0", "score_1"]
        pd.DataFrame(scores, columns=columns).to_csv(paths[-1], sep="\t", index=False)
    select_hyperparameters.main(
        split=folder / "split.tsv",
        scores=paths,
        experiment="tried",
        fits=[[{"C": 1}, {"C": 2}]],
        validation="folds",
        max_error_rate=0.05,
        choice=folder / "choice.json",
        predictions=folder / "validation.tsv",
    )
    return json.loads((folder / "choice.json").read_text())


A = [(0, 0.4, 0.1), (1, 0.6, 0.2), (2, 0.3, 0.8), (3, 0.5, 0.9)]
B = [(4, 0.4, 0.2), (5, 0.5, 0.1), (6, 0.4, 0.7), (7, 0.6, 0.8)]


def test_folds_without_a_row_change_nothing(folder):
    expected = select(folder, A, B)
    assert expected["params"] == {"C": 2}
    assert expected["validation"]["video_roc_auc"] == 1.0
    for folds in ([A, B, [], []], [[], A, [], B]):
        assert select(folder, *folds) == expected


def test_settings_are_compared_on_rows_that_all_have_scored(folder):
    """As out of bag: the first setting has too few trees to score the difficult rows."""
    few = [(0, 0.1, 0.2), (1, 0.1, 0.2), (2, 0.9, 0.8), (3, 0.9, 0.8)]
    unscored = [(row, None, score) for row, score in ((4, 0.9), (5, 0.9), (6, 0.8), (7, 0.8))]
    choice = select(folder, few + unscored)
    assert [tried["video_roc_auc"] for tried in choice["validation"]["tried"]] == [1.0, 1.0]
    assert choice["validation"]["compared_rows"] == 4
    better = [(0, 0.1, 0.4), (1, 0.1, 0.2), (2, 0.9, 0.3), (3, 0.9, 0.8)]
    assert select(folder, better + unscored)["params"] == {"C": 1}
    assert select(folder, few + [(row, 0.5, score) for row, _, score in unscored])["params"] == {
        "C": 1
    }


def test_too_few_trees_are_reported(folder):
    one = [(0, 0.1, 0.2), (1, None, 0.2), (2, None, 0.8), (3, None, 0.8)]
    with pytest.raises(UserError, match="only videos of one label"):
        select(folder, one)


def test_scores_of_one_label_are_refused(folder):
    with pytest.raises(UserError, match=r"experiments\.tried: .*only videos of one label"):
        select(folder, A[:2], B[:2])

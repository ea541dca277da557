"""Learning curve: nested subsets of people, the growth of the AUC, and the advice."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from workflow_scripts.evaluation import learning_curve
from workflow_scripts.lib.evaluation.learning_curve import advise, choose_groups
from workflow_scripts.lib.evaluation.metrics import evaluate_training_sizes

# for each group of people, whether it has real and fake videos
GROUPS = st.lists(
    st.sampled_from([("real",), ("fake",), ("real", "fake")]), min_size=1, max_size=30
)


def rows(strata):
    pairs = [(f"g{number:02}", label) for number, labels in enumerate(strata) for label in labels]
    return tuple(np.array(column) for column in zip(*pairs, strict=True))


@given(GROUPS, st.integers(0, 3), st.integers(0, 5), st.integers(0, 1000))
def test_fewer_people_are_part_of_more_and_have_both_labels(strata, halvings, repeat, seed):
    groups, labels = rows(strata)
    chosen, fewer = (
        set(choose_groups(groups, labels, n, repeat, seed)) for n in (halvings, halvings + 1)
    )
    assert fewer <= chosen <= set(groups)
    assert set(labels[np.isin(groups, list(fewer))]) == set(labels)
    assert len(chosen) == min(len(strata), max(2, -(-len(strata) // 2**halvings)))
    assert set(choose_groups(groups, labels, 0, repeat, seed)) == set(groups)


@given(GROUPS, st.integers(1, 3), st.integers(0, 1000))
def test_each_kind_of_group_keeps_its_share(strata, halvings, seed):
    groups, labels = rows(strata)
    chosen = choose_groups(groups, labels, halvings, 0, seed)
    for stratum in set(strata):
        members = [f"g{number:02}" for number, other in enumerate(strata) if other == stratum]
        expected = len(members) * len(chosen) / len(strata)
        assert abs(np.isin(members, chosen).sum() - expected) <= 2


def test_all_repeats_choose_as_many_and_not_the_same():
    groups, labels = rows([("real", "fake")] * 16)
    result = {tuple(sorted(choose_groups(groups, labels, 2, repeat, 1))) for repeat in range(8)}
    assert {len(chosen) for chosen in result} == {4}
    assert len(result) > 4


BOOTSTRAP = {"n_resamples": 100, "confidence_level": 0.95, "seed": 1}
LABELS = np.tile([0, 1], 20)
PEOPLE = np.repeat([f"g{number}" for number in range(10)], 4)


def noisy(strength, seed):
    return LABELS * strength + np.random.default_rng(seed).normal(size=len(LABELS))


def test_growth_is_the_mean_of_the_repeats_and_the_gain_their_difference():
    scores = [[noisy(0.5, 1), noisy(0.5, 2)], [noisy(1, 3), noisy(1, 4)], [noisy(2.5, 5)]]
    result = evaluate_training_sizes(LABELS, scores, PEOPLE, 200, 0.95, 1)
    areas = [[roc_auc_score(LABELS, fit) for fit in fits] for fits in scores]
    for point, values in zip(result, areas, strict=True):
        assert point["roc_auc"]["value"] == pytest.approx(np.mean(values), abs=1e-6)
        assert point["min"] == pytest.approx(min(values), abs=1e-6)
        assert point["max"] == pytest.approx(max(values), abs=1e-6)
        assert point["roc_auc"]["low"] < point["roc_auc"]["value"] < point["roc_auc"]["high"]
    assert result[0]["gain"] == {"value": None, "low": None, "high": None}
    for point, now, before in zip(result[1:], areas[1:], areas, strict=False):
        gain = np.mean(now) - np.mean(before)
        assert point["gain"]["value"] == pytest.approx(gain, abs=1e-6)
    assert result[2]["gain"]["low"] > 0  # paired: the same people in both


def test_the_same_scores_gain_nothing_and_few_people_have_no_interval():
    same = evaluate_training_sizes(LABELS, [[noisy(1, 1)], [noisy(1, 1)]], PEOPLE, 100, 0.95, 1)[1]
    assert same["gain"] == {"value": 0, "low": None, "high": None}
    two_people = np.repeat(["a", "b"], 20)
    few = evaluate_training_sizes(LABELS, [[noisy(1, 1)]], two_people, 100, 0.95, 1)[0]
    assert few["roc_auc"]["value"] is not None
    assert few["roc_auc"]["low"] is None


def sizes(gain, low, high):
    last = {"train_groups": 8, "test_groups": 6, "gain": gain, "gain_low": low, "gain_high": high}
    return [{**last, "train_groups": 4, "gain": 0.3, "gain_low": 0.2, "gain_high": 0.4}, last]


@pytest.mark.parametrize(
    ("last", "advice"),
    [
        ((0.08, 0.02, 0.15), "More people are likely to help: from 4 to 8 groups of people"),
        ((0.08, 0.02, 0.15), "changed by +0.080 (95% interval +0.020 to +0.150)"),
        ((0.001, -0.01, 0.015), "are unlikely to help"),
        ((-0.05, -0.09, -0.01), "are unlikely to help"),
        ((0.03, -0.02, 0.09), "may or may not help"),
        ((0.03, None, None), "unknown whether more people would help: from 4 to 8 groups"),
        ((0.03, np.nan, np.nan), "unknown whether"),
    ],
)
def test_the_last_step_decides_the_advice(last, advice):
    assert advice in advise(sizes(*last), 0.95)


def test_a_test_part_of_few_people_cannot_tell():
    few = [{**size, "test_groups": 2} for size in sizes(0.1, None, None)]
    assert "the test part has 2 groups of people, and an interval needs 5" in advise(few, 0.95)


def test_one_size_makes_no_curve():
    assert "too few groups of people" in advise(sizes(0.1, 0.0, 0.2)[1:], 0.95)


def write_fit(path, strength, seed, train_groups):
    table = pd.DataFrame(
        {
            "video": [f"v{number}" for number in range(len(LABELS))],
            "group": PEOPLE,
            "label": np.where(LABELS, "fake", "real"),
            "score": noisy(strength, seed),
        }
    )
    if train_groups:
        table = table.assign(train_groups=train_groups, train_videos=2 * train_groups)
    table.to_csv(path, sep="\t", index=False)
    return path


def tabulated(folder, group_counts, final_groups):
    """The table of a curve with two repeats for each of some numbers of groups."""
    fits = [
        write_fit(folder / f"{number}-{repeat}.tsv", 1, 10 * number + repeat, n)
        for number, n in enumerate(group_counts)
        for repeat in range(2)
    ]
    final = write_fit(folder / "final.tsv", 3, 99, None)
    about = {"experiment": "e", "protocol": "identity", "leak": {"word": "unknown"}}
    card = {"training": {"groups": [f"t{n}" for n in range(final_groups)], "videos": 9}}
    for name, content in (("evaluation", about), ("card", card)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    learning_curve.main(
        [folder / "evaluation.json"],
        [final],
        [folder / "card.json"],
        fits,
        2,
        BOOTSTRAP,
        folder / "out.tsv",
    )
    return pd.read_csv(folder / "out.tsv", sep="\t")


def test_a_line_per_number_of_groups_the_smallest_first(tmp_path):
    table = tabulated(tmp_path, [4, 2], 8)
    assert table["train_groups"].tolist() == [2, 4, 8]
    assert table["fits"].tolist() == [2, 2, 1]
    assert table["train_videos"].tolist() == [4, 8, 9]
    assert set(table["leak"]) == {"unknown"}
    final = pd.read_csv(tmp_path / "final.tsv", sep="\t")
    expected = roc_auc_score(LABELS, final["score"])
    assert table["roc_auc"].iloc[-1] == pytest.approx(expected, abs=1e-6)


def test_halves_that_are_the_same_people_count_once(tmp_path):
    table = tabulated(tmp_path, [2, 1, 1], 2)
    assert table["train_groups"].tolist() == [1, 2]
    assert table["fits"].tolist() == [2, 1]


def test_fits_on_other_test_videos_are_a_defect(tmp_path):
    tabulated(tmp_path, [4], 8)
    table = pd.read_csv(tmp_path / "0-1.tsv", sep="\t").iloc[1:]
    table.to_csv(tmp_path / "other.tsv", sep="\t", index=False)
    with pytest.raises(ValueError, match="different videos"):
        learning_curve.main(
            [tmp_path / "evaluation.json"],
            [tmp_path / "final.tsv"],
            [tmp_path / "card.json"],
            [tmp_path / "0-0.tsv", tmp_path / "other.tsv"],
            2,
            BOOTSTRAP,
            tmp_path / "out.tsv",
        )

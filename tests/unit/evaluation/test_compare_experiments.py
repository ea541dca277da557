"""Paired comparisons with the experiment that did best in the validation, not in the test."""

import json

import pandas as pd
import pytest

from workflow_scripts.evaluation.compare_experiments import main

LABELS = ["real", "fake"] * 6
BOOTSTRAP = {"n_resamples": 100, "confidence_level": 0.95, "seed": 1}


def write(folder, name, protocol, scores, validation, leak="no"):
    paths = [folder / f"{protocol}-{name}.{end}" for end in ("json", "videos.tsv", "card.json")]
    about = {"experiment": name, "protocol": protocol, "leak": {"word": leak}, "threshold": 0.5}
    paths[0].write_text(json.dumps(about))
    table = {
        "video": [f"v{i}" for i in range(12)],
        "group": [f"g{i // 2}" for i in range(12)],
        "label": LABELS,
        "score": scores,
    }
    pd.DataFrame(table).to_csv(paths[1], sep="\t", index=False)
    paths[2].write_text(json.dumps({"validation": {"video_roc_auc": validation}}))
    return paths


def compare_all(folder, *experiments):
    evaluations, predictions, cards = zip(*experiments, strict=True)
    main(list(evaluations), list(predictions), list(cards), BOOTSTRAP, folder / "out.tsv")
    return pd.read_csv(folder / "out.tsv", sep="\t")


RIGHT, WRONG = [0.1, 0.9] * 6, [0.9, 0.1] * 6


def test_each_is_compared_with_the_best_in_the_validation_of_its_protocol(tmp_path):
    table = compare_all(
        tmp_path,
        write(tmp_path, "good", "identity", RIGHT, 0.6),
        write(tmp_path, "chosen", "identity", WRONG, 0.7),
        write(tmp_path, "good", "frame", RIGHT, 0.9, "video"),
        write(tmp_path, "chosen", "frame", WRONG, 0.8, "video"),
    )
    assert table[["protocol", "experiment", "reference"]].to_numpy().tolist() == [
        ["identity", "good", "chosen"],
        ["frame", "chosen", "good"],
    ]
    assert table["leak"].tolist() == ["no", "leaky: video"]
    assert table["accuracy_difference"].tolist() == [1, -1]
    assert table["roc_auc_p_value"].tolist() == pytest.approx([2 / 64] * 2, abs=1e-6)
    assert table["test_groups"].tolist() == [6, 6]


def test_one_experiment_gives_a_table_without_rows(tmp_path):
    table = compare_all(tmp_path, write(tmp_path, "only", "identity", RIGHT, 0.6))
    assert len(table) == 0
    assert "roc_auc_p_value" in table.columns


def test_other_test_videos_are_a_defect(tmp_path):
    one = write(tmp_path, "one", "identity", RIGHT, 0.6)
    two = write(tmp_path, "two", "identity", RIGHT, 0.7)
    table = pd.read_csv(two[1], sep="\t")
    table.assign(video="other").to_csv(two[1], sep="\t", index=False)
    with pytest.raises(ValueError, match="different videos"):
        compare_all(tmp_path, one, two)

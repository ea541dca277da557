"""A whole run: what it leaves, that it is honest, and that it is the same every time."""

import csv
import json

import numpy as np
import pytest
import zarr

from tests.projects import PEOPLE, fingerprint, small_project


def read_table(path):
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_everything_that_is_promised_is_there(finished):
    for name in (
        "manifest.tsv",
        "quality.tsv",
        "capture_rates.tsv",
        "leaderboard.tsv",
        "run.json",
        "store.json",
        "features/spectrum.json",
        "splits/identity.tsv",
        "models/identity/spectrum/model.zip",
        "models/identity/forest/choice.json",
        "models/identity/forest/validation.tsv",
        "splits/frame.tsv",
        "models/identity/forest/model.zip",
        "models/identity/forest/model.json",
        "evaluation/frame/forest.json",
        "evaluation/frame/forest.frames.tsv",
        "evaluation/frame/forest.videos.tsv",
        "faces/real0.npz",
        "faces/real0.json",
        "faces/real0.jpg",
        "learning_curve.tsv",
        "figures/learning_curve.png",
        "figures/run_times.png",
        "figures/contact_sheet_fake.jpg",
    ):
        assert (finished.results / name).is_file(), name
    for folder in ("frames", "features/spectrum"):
        assert not list((finished.results / folder).glob("*"))


def test_all_frames_are_captured(finished):
    rows = read_table(finished.results / "quality.tsv")
    assert [row["status"] for row in rows] == ["ok"] * 2 * PEOPLE
    rates = {row["label"]: row for row in read_table(finished.results / "capture_rates.tsv")}
    assert float(rates["real"]["capture_rate"]) == float(rates["fake"]["capture_rate"]) == 1
    assert int(rates["all"]["frames_wanted"]) == 7 * 2 * PEOPLE


def test_store_rows_follow_the_manifest(finished, videos):
    root = zarr.open_group(finished.results / "store.zarr", mode="r")
    names = [video.video_id for video in videos for _ in range(7)]
    assert root["video"][:].tolist() == names
    assert root["crops"].shape == (len(names), 64, 64, 3)
    assert root["frame"][:7].tolist() == [0, 30, 60, 90, 120, 150, 180]
    assert set(root["group"][:].tolist()) == {":p0", ":p2", ":p4"}
    for row in (0, 30, 80):
        saved = np.load(finished.results / f"faces/{names[row]}.npz", allow_pickle=False)
        assert (root["crops"][row] == saved["crops"][row % 7]).all()


def test_no_person_crosses_the_identity_split_and_the_frame_split_is_called_leaky(finished):
    for protocol, leaks in (("identity", False), ("frame", True)):
        sides = {}
        for row in read_table(finished.results / f"splits/{protocol}.tsv"):
            sides.setdefault(row["group"], set()).add(row["split"])
        assert any(len(parts) == 2 for parts in sides.values()) == leaks
        result = json.loads((finished.results / f"evaluation/{protocol}/forest.json").read_text())
        assert (result["leak"]["word"] == "video") == leaks
    board = read_table(finished.results / "leaderboard.tsv")
    assert [row["leak"] for row in board] == ["no", "no", "leaky: video", "leaky: video"]


def test_predictions_and_metrics_agree(finished):
    for level, name in (("frame", "frames"), ("video", "videos")):
        rows = read_table(finished.results / f"evaluation/identity/forest.{name}.tsv")
        result = json.loads((finished.results / "evaluation/identity/forest.json").read_text())
        right = np.mean([row["label"] == row["predicted"] for row in rows])
        assert result[level]["accuracy"]["value"] == pytest.approx(right, abs=1e-6)
        assert result[level]["n"] == len(rows)
        test_groups = {row["group"] for row in rows}
        card = json.loads((finished.results / "models/identity/forest/model.json").read_text())
        assert not test_groups & set(card["training"]["groups"])


def test_the_learning_curve_ends_at_the_final_model(finished):
    (row,) = read_table(finished.results / "learning_curve.tsv")
    assert (row["experiment"], row["train_groups"], row["fits"]) == ("spectrum", "2", "1")
    result = json.loads((finished.results / "evaluation/identity/spectrum.json").read_text())
    assert float(row["roc_auc"]) == result["video"]["roc_auc"]["value"]
    # two groups are the fewest, so that this run's half of its people are all of them
    final = read_table(finished.results / "evaluation/identity/spectrum.videos.tsv")
    for repeat in (0, 1):
        fit = read_table(finished.results / f"learning_curve/spectrum/1/{repeat}.tsv")
        assert [row["video"] for row in fit] == [row["video"] for row in final]
        scores = [[float(row["score"]) for row in table] for table in (fit, final)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_a_second_run_has_nothing_to_do(copy):
    ended = copy.snakemake()
    assert "Nothing to be done" in ended.stdout + ended.stderr


def test_report_holds_every_picture(copy, tmp_path):
    copy.snakemake("--report", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    pages = ("leaderboard", "comparisons", "quality")
    pictures = (
        "curves",
        "reliability",
        "subgroups",
        "leak_gap",
        "learning_curve",
        "confusion",
        "importance",
        "confident_errors",
        "cost",
        "run_times",
    )
    for name in (*(f"{name}.html" for name in pages), *(f"{name}.png" for name in pictures)):
        assert name in page
    assert page.count("data:image/") >= 8


@pytest.mark.slow
def test_another_number_of_cores_gives_the_same_bytes(finished, tmp_path, videos):
    other = small_project(tmp_path / "project", videos)
    other.snakemake("--cores", 1)
    assert fingerprint(other.results) == fingerprint(finished.results)


def test_the_validation_never_scores_what_it_has_seen(finished):
    split = read_table(finished.results / "splits/identity.tsv")
    train = {row["video"] for row in split if row["split"] == "train"}
    folds = {}
    for row in split:
        assert (row["split"] == "train") == (int(row["fold"]) >= 0)
        if row["split"] == "train":
            folds.setdefault(row["group"], set()).add(row["fold"])
    assert all(len(found) == 1 for found in folds.values())
    for experiment in ("forest", "spectrum"):
        model = finished.results / f"models/identity/{experiment}"
        scored = [row["video"] for row in read_table(model / "validation.tsv")]
        assert set(scored) == train
        assert len(scored) == len(train)
        card, choice = (json.loads((model / f"{n}.json").read_text()) for n in ("model", "choice"))
        assert card["params"] == choice["params"]
        assert card["threshold"] == choice["threshold"]
    tried = choice_of(finished, "forest")["validation"]["tried"]
    assert [entry["params"]["n_estimators"] for entry in tried] == [5, 10]


def choice_of(project, experiment):
    path = project.results / f"models/identity/{experiment}/choice.json"
    return json.loads(path.read_text())

"""The bundle: what goes in comes out, and nothing else is taken for one."""

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from tests.bundles import members, rewritten, signed, write_small_bundle
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import UNKNOWN
from workflow_scripts.lib.faces.crops import crop_hash
from workflow_scripts.lib.faces.mtcnn import NETWORKS
from workflow_scripts.lib.training.array_models import ArrayLinear
from workflow_scripts.lib.verdicts import bundle as bundles
from workflow_scripts.lib.verdicts.bundle import read_bundle, read_people, write_bundle
from workflow_scripts.verdicts import bundle_model


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("bundle"))


def test_round_trip(made, tmp_path):
    read = read_bundle(made, tmp_path)
    card = json.loads((made.parent / "model.json").read_text())
    assert read.made == datetime.now(UTC).date().isoformat()
    assert read.card == card
    assert read_people(made) == {UNKNOWN, *(f"group:g{number}" for number in range(4))}
    assert read.model.columns == card["features"]["columns"]
    assert read.evaluation["roc_auc"]["value"] == 1.0
    assert read.evaluation["leak"] == "no"
    assert read.ranges["frame_rate"] == {"low": 25.0, "high": 25.0, "people": 4}
    assert 80 < read.ranges["face_size"]["low"] < 90 < 97 < read.ranges["face_size"]["high"] < 110
    assert read.typical_real["rows"] == 2 * 3  # frames of the test part's real videos
    crops = zarr.open_array(made.parent / "store.zarr/crops", mode="r")[: 8 * 3]
    assert read.trained_on == {crop_hash(crop) for crop in crops}
    for name in NETWORKS:
        network = f"{name}.onnx"
        assert (read.networks / network).read_bytes() == (made.parent / network).read_bytes()


def test_equal_content_gives_equal_bytes_and_another_day_the_same_version(made, tmp_path):
    about = json.loads(members(made)["bundle.json"])
    folder = made.parent
    card = json.loads((folder / "model.json").read_text())
    keys = ("evaluation", "ranges", "typical_real", "trained_on", "people")
    parts = (folder, *(about[key] for key in keys))
    again, later = tmp_path / "again.zip", tmp_path / "later.zip"
    model = folder / "model.zip"
    write_bundle(again, model, card, *parts, made=about["made"])
    assert again.read_bytes() == made.read_bytes()
    write_bundle(later, model, card, *parts, made="2031-01-01")
    assert later.read_bytes() != made.read_bytes()
    assert read_bundle(later, tmp_path).made == "2031-01-01"
    assert read_bundle(later, tmp_path).version == read_bundle(made, tmp_path).version


def test_there_are_no_pictures_and_no_names_of_people_in_it(made):
    contents = members(made)
    assert set(contents) == {"bundle.json", *bundles.FILES}
    assert not any(content.startswith((b"\x89PNG", b"\xff\xd8")) for content in contents.values())


def test_a_real_video_that_was_trained_on_is_not_typical_of_unseen_ones(tmp_path):
    made = write_small_bundle(tmp_path)
    split = pd.read_csv(tmp_path / "split.tsv", sep="\t")
    trained = split.loc[split["split"] == "train", "video"].unique()
    split.loc[split["split"] == "test", "video"] = trained[0]  # as by the protocol `frame`
    split.to_csv(tmp_path / "split.tsv", sep="\t", index=False)
    names = ("manifest.tsv", "quality.tsv", "store.zarr", "split.tsv", "model.zip", "model.json")
    paths = (*(tmp_path / name for name in names), tmp_path / "evaluation.json")
    bundle_model.main(*paths, [tmp_path / "pnet.onnx"], made)
    assert read_bundle(made, tmp_path).typical_real == {"rows": 0, "contributions": {}}


def test_an_altered_member_is_refused(made, tmp_path):
    for name in members(made):
        contents = members(made)
        contents[name] = contents[name][:-2] + b"0" + contents[name][-1:]
        path = rewritten(tmp_path / "altered.zip", contents)
        with pytest.raises(UserError, match=r"cannot be read.*make it again"):
            read_bundle(path, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card["features"].update(version="0"),
        lambda card: card["features"].update(name="unheard"),
        lambda card: card.update(model="unheard"),
    ],
)
def test_another_recipe_is_refused_with_the_remedy(made, tmp_path, change):
    contents = members(made)
    card = json.loads(contents["model.json"])
    change(card)
    path = rewritten(tmp_path / "other.zip", signed(contents, card))
    with pytest.raises(UserError, match=r"was made for .*Make it again with this version"):
        read_bundle(path, tmp_path)


@pytest.mark.parametrize("about", [{"recipe": 0}, {"format": 0}, {"format": 3}])
def test_another_version_is_refused_with_the_remedy(made, tmp_path, about):
    path = rewritten(tmp_path / "other.zip", signed(members(made), **about))
    with pytest.raises(UserError, match="Make it again with this version"):
        read_bundle(path, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card["crops"]["faces"].update(size="320"),
        lambda card: card["crops"]["faces"].update(size=10**9),
        lambda card: card["calibration"].pop("slope"),
        lambda card: card["operating_points"].update(low=None),
        lambda card: card["operating_points"]["real_called_fake"].pop("expected"),
        lambda card: card["validation"].update(video_roc_auc="high"),
        lambda card: card["features"].update(columns=7),
        lambda card: card.update(model="logistic_regression"),
        lambda card: card.update(training=[]),
        lambda card: card["calibration"].update(groups=-2),
        lambda card: card["calibration"].update(slope=float("nan")),
        lambda card: card["operating_points"]["real_called_fake"].update(expected=float("nan")),
        lambda card: card["operating_points"]["real_called_fake"].update(expected=1.5),
        lambda card: card["operating_points"].update(high=float("inf")),
        lambda card: card["crops"]["sampling"].update(frames=2.5),
        lambda card: card["crops"]["sampling"].update(stride=0),
        lambda card: card["crops"]["sampling"].update(stride=10**12),
        lambda card: card["features"].update(resize=64),
    ],
)
def test_a_card_that_does_not_fit_is_refused(made, tmp_path, change):
    contents = members(made)
    card = json.loads(contents["model.json"])
    change(card)
    path = rewritten(tmp_path / "other.zip", signed(contents, card))
    with pytest.raises(UserError, match="cannot be read"):
        read_bundle(path, tmp_path)


def test_a_number_that_overflows_is_refused(made, tmp_path):
    contents = members(made)
    card = json.loads(contents["model.json"])
    card["calibration"]["intercept"] = 12345.5
    contents["model.json"] = json.dumps(card).replace("12345.5", "1e999").encode()
    path = rewritten(tmp_path / "other.zip", signed(contents))
    with pytest.raises(UserError, match=r"cannot be read.*intercept"):
        read_bundle(path, tmp_path)


def test_a_whole_number_may_be_written_as_a_float(made, tmp_path):
    contents = members(made)
    card = json.loads(contents["model.json"])
    card["crops"]["sampling"]["frames"] = 3.0
    path = rewritten(tmp_path / "other.zip", signed(contents, card))
    frames = read_bundle(path, tmp_path).card["crops"]["sampling"]["frames"]
    assert (frames, type(frames)) == (3, int)


@pytest.mark.parametrize("key", ["trained_on", "people"])
@pytest.mark.parametrize("names", [None, 7, [7], [["a"]]])
def test_marks_and_names_that_are_none_are_refused(made, tmp_path, key, names):
    path = rewritten(tmp_path / "other.zip", signed(members(made), **{key: names}))
    with pytest.raises(UserError, match="cannot be read"):
        read_bundle(path, tmp_path)


@pytest.mark.parametrize("limits", [{}, {"low": 1.0}, {"low": 1.0, "high": None}, 7])
@pytest.mark.parametrize("name", ["frame_rate", "charm"])
def test_ranges_that_do_not_fit_are_refused(made, tmp_path, name, limits):
    path = rewritten(tmp_path / "other.zip", signed(members(made), ranges={name: limits}))
    with pytest.raises(UserError, match="cannot be read"):
        read_bundle(path, tmp_path)


def test_no_member_can_lead_out_of_the_folder(made, tmp_path):
    contents = members(made)
    contents["../outside"] = b"here"
    path = rewritten(tmp_path / "path.zip", signed(contents))
    folder = tmp_path / "inside"
    folder.mkdir()
    with pytest.raises(UserError, match="does not contain the files of a bundle"):
        read_bundle(path, folder)
    assert not (tmp_path / "outside").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(made, tmp_path):
    contents = {**members(made), "model.zip": bytes(10_000_000)}
    path = rewritten(tmp_path / "bomb.zip", contents, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="compressed"):
        read_bundle(path, tmp_path)


def test_a_second_model_is_refused(made, tmp_path):
    contents = members(made)
    contents["other.zip"] = contents["model.zip"]
    path = rewritten(tmp_path / "two.zip", signed(contents))
    with pytest.raises(UserError, match="does not contain the files of a bundle"):
        read_bundle(path, tmp_path)


def test_no_model_is_refused(made, tmp_path):
    contents = members(made)
    del contents["model.zip"]
    path = rewritten(tmp_path / "none.zip", signed(contents))
    with pytest.raises(UserError, match="does not contain the files of a bundle"):
        read_bundle(path, tmp_path)


@pytest.mark.parametrize("model", ["logistic_regression", "nearest_neighbours"])
def test_a_model_of_another_form_than_its_card_tells_is_refused(made, tmp_path, model):
    contents = members(made)
    contents["model.zip"] = members(write_small_bundle(tmp_path, model))["model.zip"]
    path = rewritten(tmp_path / "other.zip", signed(contents))
    with pytest.raises(UserError, match="it does not contain the arrays of its form"):
        read_bundle(path, tmp_path)


@pytest.mark.parametrize("broken", ["weight", "columns"])
def test_a_linear_model_that_gives_no_score_or_has_other_columns_is_refused(tmp_path, broken):
    contents = members(write_small_bundle(tmp_path, "logistic_regression"))
    linear = ArrayLinear.read(io.BytesIO(contents["model.zip"]))
    if broken == "weight":
        linear.weight[3] = np.nan
    else:
        fewer = {name: getattr(linear, name)[:5] for name in linear.DTYPES}
        linear = ArrayLinear(5, **fewer)
    out = io.BytesIO()
    linear.write(out)
    contents["model.zip"] = out.getvalue()
    path = rewritten(tmp_path / "broken.zip", signed(contents))
    with pytest.raises(UserError, match=r"no trained model has|does not match its card"):
        read_bundle(path, tmp_path)


def test_a_bomb_inside_the_forest_is_refused(made, tmp_path):
    contents = members(made)
    with np.load(io.BytesIO(contents["model.zip"])) as arrays:
        packed = io.BytesIO()
        np.savez_compressed(packed, **arrays)
    contents["model.zip"] = packed.getvalue()
    path = rewritten(tmp_path / "bomb.zip", signed(contents))
    with pytest.raises(UserError, match="its arrays are compressed"):
        read_bundle(path, tmp_path)


def test_a_bomb_inside_another_model_is_refused(tmp_path, monkeypatch):
    path = write_small_bundle(tmp_path, "nearest_neighbours")
    assert read_bundle(path, tmp_path).model.n_features_in_ > 0
    monkeypatch.setattr(bundles, "MAX_BYTES", 1000)
    with pytest.raises(UserError, match="its model takes more"):
        read_bundle(path, tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_refused(tmp_path, content):
    (tmp_path / "no.zip").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        read_bundle(tmp_path / "no.zip", tmp_path)


def test_a_missing_bundle_tells_how_to_make_it(tmp_path):
    for other in (tmp_path, tmp_path / "model.zip"):
        with pytest.raises(UserError, match=r"is not a model bundle\. Name a bundle\.zip"):
            read_bundle(other, tmp_path)
    with pytest.raises(UserError, match=r"does not exist.*make the bundle: `snakemake"):
        read_bundle(Path("results/x/bundle.zip"), tmp_path)

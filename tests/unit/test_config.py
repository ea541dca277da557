"""The configuration: defaults and error messages."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.config import SCHEMA, check_videos, complete_config, crop_size
from workflow_scripts.lib.data.manifest import Video

MINIMAL = {"run": "r", "manifest": "m.tsv"}


def keys_of(schema, prefix=""):
    for key, part in schema.get("properties", {}).items():
        yield f"{prefix}{key}", part
        yield from keys_of(part, f"{prefix}{key}.")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys_of(schema["additionalProperties"], f"{prefix}*.")


def test_every_key_has_description_and_default():
    schema = yaml.safe_load(SCHEMA.read_text())
    needed = {"run", "manifest", "experiments.*.features", "experiments.*.model"}
    for key, part in keys_of(schema):
        assert part.get("description"), key
        assert ("default" in part) != (key in needed), key


def test_missing_keys_get_the_documented_default():
    config = complete_config(MINIMAL)
    assert config["sampling"] == {
        "frames": 7,
        "stride": 30,
        "max_seconds": 120,
        "max_memory_mb": 2000,
    }
    assert config["faces"]["confidence"] == 0.9
    assert config["faces"]["size"] == 320
    assert config["splits"]["protocols"] == ["identity"]
    assert list(config["experiments"]) == ["pixels64_forest"]


def test_partial_section_keeps_the_other_defaults():
    config = complete_config({**MINIMAL, "faces": {"scale": 1.0}})
    assert config["faces"] == {
        "confidence": 0.9,
        "scale": 1.0,
        "size": 320,
    }


def test_completing_twice_changes_nothing():
    once = complete_config(
        {**MINIMAL, "experiments": {"a": {"features": "pixels", "model": "dummy"}}}
    )
    assert complete_config(once) == once
    assert once["experiments"]["a"] == {
        "features": "pixels",
        "model": "dummy",
        "resize": None,
        "grid": {},
        "validation": "folds",
        "params": {},
    }


def test_experiments_keep_the_files_order():
    names = [f"e{(7 * i) % 20}" for i in range(20)]
    experiments = {name: {"features": "pixels", "model": "dummy"} for name in names}
    assert list(complete_config({**MINIMAL, "experiments": experiments})["experiments"]) == names


def experiment(**changes):
    return {"experiments": {"e": {"features": "pixels", "model": "dummy", **changes}}}


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"seeed": 1}, ["unknown key 'seeed'", "seed"]),
        ({"faces": {"margn": 1}}, ["faces", "'margn'", "scale"]),
        ({"faces": {"confidence": 2}}, ["faces.confidence", "2", "Needed"]),
        ({"faces": {"confidence": "high"}}, ["faces.confidence", "'high'"]),
        ({"run": "../up"}, ["run", "'../up'", "Letters, digits"]),
        ({"run": 2026}, ["run: 2026", "text is needed", "--config 'run=!!str 2026'"]),
        ({"experiments": {2026: {}}}, ["experiments: 2026", 'Put the name in quotes: "2026"']),
        ({"videos_to_judge": 1e5}, ["videos_to_judge: 100000.0", '`videos_to_judge: "']),
        ({"download": {"server": True}}, ["download.server: True", '`server: "']),
        ({"splits": {"protocols": ["person"]}}, ["splits.protocols.0", "'person'", "identity"]),
        ({"splits": {"test_fraction": 1}}, ["splits.test_fraction", "1"]),
        ({"sampling": None}, ["sampling", "None"]),
        ({"experiments": {}}, ["experiments"]),
        ({"experiments": {"a/b": {"features": "pixels", "model": "dummy"}}}, ["a/b"]),
        (
            {"experiments": {name: {"features": "pixels", "model": "dummy"} for name in "Aa"}},
            ["experiments", "'A' and 'a' are the same file name"],
        ),
        (experiment(model="forest"), ["experiments.e.model", "'forest'", "random_forest"]),
        (experiment(features="pixel"), ["experiments.e.features", "'pixel'", "pixels"]),
        (experiment(params={"depth": 3}), ["experiments.e.params", "'depth'", "strategy"]),
        (
            {"detector": {"backend": "tensorflow", "min_face_size": 40}},
            ["detector.min_face_size", "40", "onnxruntime"],
        ),
        (experiment(resize=640), ["experiments.e.resize", "640", "faces.size"]),
        ({"test_on_runs": ["results/r"]}, ["test_on_runs", "'results/r'", "Rename"]),
        ({"test_on_runs": ["results/R"]}, ["test_on_runs", "'results/R'", "Rename"]),
        ({"report": {"published": "nowhere.tsv"}}, ["report.published", "no file 'nowhere.tsv'"]),
        ({"test_on_runs": ["a/x", "b/x/"]}, ["test_on_runs", "'b/x/'", "another one in the list"]),
        ({"test_on_runs": ["results/.."]}, ["test_on_runs", "'results/..'", "not a run's folder"]),
        (
            {"test_on_runs": ["a/x"], "splits": {"protocols": ["frame"]}},
            ["test_on_runs", "identity or official", "splits.protocols"],
        ),
        (
            {"learning_curve": {"experiments": ["none"]}},
            ["learning_curve.experiments", "'none'", "pixels64_forest"],
        ),
        (
            {
                "learning_curve": {"experiments": ["pixels64_forest"]},
                "splits": {"protocols": ["frame"]},
            },
            ["learning_curve.experiments", "identity", "splits.protocols"],
        ),
    ],
)
def test_mistakes_name_key_value_and_remedy(change, parts):
    with pytest.raises(UserError) as caught:
        complete_config({**MINIMAL, **change})
    for part in parts:
        assert part in str(caught.value)


def test_needs_run_and_manifest():
    with pytest.raises(UserError, match="'run' is a required property"):
        complete_config({"manifest": "m.tsv"})


@pytest.mark.parametrize("path", sorted(Path("config").glob("*.yaml")), ids=lambda p: p.name)
def test_shipped_configs_are_valid(path):
    complete_config(yaml.safe_load(path.read_text()))


REAL, FAKE = Video("r", "r.mp4", "real", split="train"), Video("f", "f.mp4", "fake", split="test")


def test_both_labels_are_needed():
    with pytest.raises(UserError, match="no fake videos"):
        check_videos(complete_config(MINIMAL), [REAL])
    check_videos(complete_config(MINIMAL), [REAL, FAKE])


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        ([REAL, FAKE], "train has real"),
        ([REAL, replace(FAKE, split="")], "empty for 'f'"),
        ([replace(REAL, split="test"), FAKE], "train has none"),
    ],
)
def test_official_needs_both_labels_in_both_parts(videos, message):
    config = complete_config({**MINIMAL, "splits": {"protocols": ["official"]}})
    with pytest.raises(UserError, match=message):
        check_videos(config, videos)


def test_official_passes_when_it_is_filled():
    config = complete_config({**MINIMAL, "splits": {"protocols": ["official"]}})
    videos = [replace(v, split=part) for v in (REAL, FAKE) for part in ("train", "test")]
    check_videos(config, videos)


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        ({"features": "spectrum"}, "pixel_forest needs bytes"),
        ({"params": {"bootstrap": False}, "validation": "out_of_bag"}, "needs bootstrap"),
        ({"params": {"n_estimators": 0}}, "n_estimators must be whole numbers from 1, not 0"),
        ({"grid": {"n_estimators": [100, "2"]}}, "n_estimators must be .* from 1, not '2'"),
        ({"grid": {"depth": [1]}}, "has no parameter 'depth'"),
        ({"grid": {"max_depth": [1]}, "params": {"max_depth": 2}}, "is in both params and grid"),
        ({"model": "random_forest", "validation": "out_of_bag"}, "only for the model pixel_forest"),
    ],
)
def test_invalid_experiments_are_reported(experiment, message):
    whole = {"features": "pixels", "model": "pixel_forest", **experiment}
    with pytest.raises(UserError, match=message):
        complete_config({**MINIMAL, "experiments": {"a": whole}})


def test_joined_run_has_the_crop_size_of_its_parts(tmp_path):
    joined = {**MINIMAL, **experiment(resize=128), "join_runs": [str(tmp_path / "p")]}
    assert crop_size(complete_config(joined)) == 320  # as long as nobody knows better
    (tmp_path / "p").mkdir()
    marker = tmp_path / "p/store.json"
    for content, size in (("", 320), ('{"made_with": {"faces": {"size": 256}}}', 256)):
        marker.write_text(content)
        assert crop_size(complete_config(joined)) == size
    marker.write_text('{"made_with": {"faces": {"size": 64}}}')
    with pytest.raises(UserError, match=r"resize: 128 is larger than the crops of the parts"):
        complete_config(joined)

"""Invalid tables, configs, faces and model files: a message, never a crash."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.hostile import CONFIGS, GOOD, HEADER, MANIFESTS, MODEL_FILES
from tests.unit.faces.test_crops import KnownFaces, frames
from tests.unit.training.test_models import fitted
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.config import complete_config
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video, read_manifest, write_manifest
from workflow_scripts.lib.faces.crops import (
    MAX_ROLL,
    draw_strip,
    find_faces,
    keypoint_roll,
    save_faces,
    status_record,
)
from workflow_scripts.lib.faces.frames import SampledVideo
from workflow_scripts.lib.faces.mtcnn import Detection
from workflow_scripts.lib.faces.status import VideoStatus
from workflow_scripts.lib.training.model_files import fake_scores, load_model, save_model
from workflow_scripts.lib.training.registry import MODELS

# Manifests


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest(tmp_path, name):
    content, words = MANIFESTS[name]
    path = tmp_path / "videos.tsv"
    path.write_bytes(content)
    if words:
        with pytest.raises(UserError) as caught:
            read_manifest(path)
        assert words in str(caught.value)
        assert len(str(caught.value)) < 3000
    else:
        assert list(read_manifest(path)) == ["a"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


def read_or_refuse(path):
    """Read a manifest; whatever its content, only a UserError may be raised."""
    try:
        videos = read_manifest(path)
    except UserError:
        return
    write_manifest(path, videos.values())
    assert read_manifest(path) == videos
    assert len(assign_groups(videos.values())) == len(videos)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_are_a_manifest_or_refused(folder, content):
    path = folder / "any.tsv"
    path.write_bytes(HEADER + GOOD + content)
    read_or_refuse(path)


@given(st.lists(st.lists(st.text(max_size=9), max_size=12), max_size=5))
@settings(deadline=None)
def test_any_cells_are_a_manifest_or_refused(folder, rows):
    path = folder / "cells.tsv"
    header = ["video_id", "path", "label", "group", "recording", "content", "split"]
    lines = ["\t".join(row) for row in [header, *rows]]
    path.write_bytes("\n".join(lines).encode(errors="surrogatepass"))
    read_or_refuse(path)


def test_people_who_all_hang_together_cost_no_more(folder):
    n = 30_000  # with a cost that grows as the square, this would take minutes
    chain = [Video(f"v{i}", "x", "fake", "", f"p{i}", f"p{i + 1}") for i in range(n)]
    assert set(assign_groups(chain).values()) == {":p0"}


# Configs


@pytest.mark.parametrize("name", CONFIGS)
def test_config(name):
    text, words = CONFIGS[name]
    with pytest.raises(UserError) as caught:
        complete_config(yaml.safe_load(text))
    assert words in str(caught.value)


KEYS = st.sampled_from(["run", "seed", "faces", "experiments", "params", "resize", "features"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
DEMO = yaml.safe_load(Path("config/config.yaml").read_text())


def key_paths(config, above=()):
    """The path of keys to every value in a config."""
    for key, value in config.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from key_paths(value, (*above, key))


@given(st.sampled_from(sorted(key_paths(complete_config(DEMO)))), values)
@example(("experiments", "pixels64_random_forest", "grid"), {"run": None, 0: None})
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
def test_any_value_anywhere_in_a_config_is_taken_or_refused(place, value):
    config = complete_config(DEMO)
    part = config
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    try:
        complete = complete_config(config)
    except UserError as error:
        assert len(str(error).splitlines()) >= 2
    else:
        assert complete_config(complete) == complete


# Detections

odd_number = st.integers(-(10**5), 10**5)
detections = st.builds(
    Detection,
    st.tuples(odd_number, odd_number, odd_number, odd_number),
    st.floats(0, 1),
    st.tuples(*[st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))] * 5),
)


@given(
    st.lists(st.lists(detections, max_size=3), min_size=1, max_size=3),
    st.sampled_from([(2, 1), (1, 400), (64, 48)]),
    st.sampled_from([0.5, 1.3, 4.0]),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_box_gives_a_crop_inside_its_frame(folder, answers, size, scale):
    width, height = size
    sampled = frames(len(answers), width, height)
    results, crops = find_faces(sampled, KnownFaces(*answers), 0.5, scale, 32)
    assert [r.status == "ok" for r in results] == [
        any(d.confidence >= 0.5 and abs(keypoint_roll(d.keypoints)) <= MAX_ROLL for d in part)
        for part in answers
    ]
    for crop in crops:
        left, top, side = crop.result.square
        assert 0 <= left <= width - side
        assert 0 <= top <= height - side
        assert crop.pixels.shape == (32, 32, 3)
    save_faces(folder / "faces.npz", crops, 32)
    status = status_record(SampledVideo(VideoStatus.OK, "", 30.0, sampled), results)
    assert json.loads(json.dumps(status, allow_nan=False))["crops"] == len(crops)
    strip = draw_strip(sampled, results, crops)
    assert strip.dtype == np.uint8
    assert math.prod(strip.shape) > 0


# Model files


@pytest.fixture(scope="module", params=MODELS)
def model_file(request, folder):
    path = folder / f"{request.param}.model"
    save_model(path, request.param, fitted(request.param))
    return request.param, path


@pytest.mark.parametrize("kind", MODEL_FILES)
def test_model_file(tmp_path, monkeypatch, model_file, kind):
    monkeypatch.chdir(tmp_path)
    name, good = model_file
    path = tmp_path / "model"
    path.write_bytes(MODEL_FILES[kind](good.read_bytes()))
    with pytest.raises(UserError, match=str(path)):
        load_model(path, name)
    assert [p.name for p in tmp_path.iterdir()] == ["model"]  # nothing in it was run


def test_a_changed_model_file_is_refused_or_still_answers(tmp_path, model_file):
    name, good = model_file
    rng = np.random.default_rng(1)
    outcomes = set()
    for _ in range(200):
        content = np.frombuffer(good.read_bytes(), np.uint8).copy()
        positions = rng.integers(0, len(content), rng.integers(1, 4))
        content[positions] = rng.integers(0, 256, len(positions))
        length = len(content) if rng.random() < 0.9 else rng.integers(len(content))
        (tmp_path / "changed").write_bytes(content[:length].tobytes())
        try:
            model = load_model(tmp_path / "changed", name)
        except UserError:
            outcomes.add("refused")
        else:
            assert len(fake_scores(model, np.zeros((2, 30), np.uint8))) == 2
            outcomes.add("taken")  # a bit of the archive that means nothing
    assert "refused" in outcomes

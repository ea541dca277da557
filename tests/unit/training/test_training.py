"""Experiments: the fits of a grid, the matrix, and the checks before training."""

import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.unit.store.test_zarr_store import MADE_WITH, SIZE, make_videos
from workflow_scripts.features import join_features
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.features import recipe
from workflow_scripts.lib.store.zarr_store import (
    features_version,
    load_matrix,
    read_features,
    write_features,
    write_store,
)
from workflow_scripts.lib.training import training
from workflow_scripts.lib.training.grid import (
    count_columns,
    list_fits,
    settings_id,
    stored_features,
)
from workflow_scripts.lib.training.matrix import load_experiment
from workflow_scripts.lib.training.training import check_memory, train


def experiment(**changes):
    defaults = {
        "name": "a",
        "features": "pixels",
        "resize": None,
        "model": "random_forest",
        "params": {},
        "grid": {},
    }
    return {**defaults, **changes}


def test_without_a_grid_there_is_one_fit():
    assert list_fits(experiment(params={"max_depth": 3})) == [[{"max_depth": 3}]]


def test_each_combination_is_a_fit():
    grid = {"n_estimators": [5, 10], "max_depth": [1, 2, 3]}
    fits = list_fits(experiment(params={"criterion": "gini"}, grid=grid))
    assert len(fits) == 6
    assert all(len(settings) == 1 for settings in fits)
    assert [{"criterion": "gini", "n_estimators": 10, "max_depth": 2}] in fits


def test_all_sizes_of_a_pixel_forest_are_one_fit():
    grid = {"n_estimators": [2000, 100, 500], "min_samples_leaf": [1, 5]}
    fits = list_fits(experiment(model="pixel_forest", grid=grid))
    assert [[s["n_estimators"] for s in settings] for settings in fits] == [[100, 500, 2000]] * 2
    assert [settings[0]["min_samples_leaf"] for settings in fits] == [1, 5]


def test_a_longer_grid_keeps_the_names_of_its_fits():
    few = experiment(grid={"max_depth": [1, 2]})
    more = experiment(grid={"max_depth": [3, 1, 2]})
    assert set(map(settings_id, list_fits(few))) < set(map(settings_id, list_fits(more)))


def test_pixels_are_not_stored_again():
    assert stored_features(experiment()) == []
    assert stored_features(experiment(features="spectrum+pixels+dct")) == ["spectrum", "dct"]
    assert stored_features(experiment(features="spectrum", resize=64)) == ["spectrum-64"]


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store.zarr"
    write_store(path, make_videos([3, 2]), MADE_WITH, 5)
    return path


def test_a_matrix_is_made_of_stored_features_and_crops(store):
    stored = np.arange(10, dtype=np.float32).reshape(5, 2) / 3
    write_features(store.parent / "features", "spectrum", [stored], 5, "1")
    assert (read_features(store.parent / "features", "spectrum", np.arange(5)) == stored).all()
    rows = np.array([0, 3, 4])
    assert (load_experiment(store, rows, experiment(features="spectrum")) == stored[rows]).all()
    pixels = load_experiment(store, rows, experiment(resize=4))
    assert pixels.dtype == np.uint8
    assert pixels.shape == (3, count_columns(experiment(resize=4), SIZE)) == (3, 48)
    with pytest.raises(ValueError, match="columns, but 194 were read"):
        load_experiment(store, rows, experiment(features="pixels+spectrum", resize=None))
    spectra = load_matrix(store, np.arange(5), recipe("spectrum", None))
    write_features(store.parent / "features", "spectrum", [spectra], 5, "1")
    both = load_experiment(store, rows, experiment(features="pixels+spectrum", resize=None))
    assert both.dtype == np.float32
    assert (both[:, -spectra.shape[1] :] == spectra[rows]).all()


def test_features_of_another_number_of_rows_are_refused(store):
    np.save(store.parent / "0.npy", np.zeros((4, 2), np.float32))
    with pytest.raises(ValueError, match=r"Expected 5 rows in .*spectrum.*, got 4"):
        join_features.main(
            store, [store.parent / "0.npy"], "spectrum", store.parent / "spectrum.json"
        )


def test_features_are_replaced_whole(tmp_path):
    assert features_version(tmp_path, "dct") is None
    write_features(tmp_path, "dct", [np.ones((5, 2), np.float32)], 5, "1")
    write_features(tmp_path, "dct", [np.zeros((5, 3), np.float32)], 5, "2")
    assert features_version(tmp_path, "dct") == "2"
    assert read_features(tmp_path, "dct", np.arange(5)).shape == (5, 3)
    assert {path.name for path in tmp_path.iterdir()} == {"dct.zarr", "dct.json"}


def test_models_that_do_not_fit_into_memory_are_refused(monkeypatch):
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "2000")
    check_memory("dummy", 1000, 300_000)
    with pytest.raises(UserError, match=r"linear_svm needs about 5.4 GB .* 2.0 GB .* `resize`"):
        check_memory("linear_svm", 1000, 300_000)


@pytest.fixture
def table():
    """Training rows of the store."""
    labels = ["real"] * 3 + ["fake"] * 2
    return pd.DataFrame({"row": range(5), "label": labels, "unit": [0, 0, 1, 2, 3]})


def grow(store, table, side=None):
    chosen = experiment(model="pixel_forest", resize=side, params={"n_estimators": 5})
    return train(store, table, chosen, seed=0, threads=2)


@pytest.mark.parametrize("side", [pytest.param(None, marks=pytest.mark.slow), 4])
def test_a_forest_is_the_same_if_memory_is_short(store, table, monkeypatch, tmp_path, caplog, side):
    expected = grow(store, table, side)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(training, "available_memory", lambda: 0.0002)
    with caplog.at_level("INFO"):
        mapped = grow(store, table, side)
    assert "it goes to a file in " + str(tmp_path) in caplog.text
    assert not list(tmp_path.glob("columns-*"))
    crops = np.random.default_rng(0).integers(
        0, 256, (20, count_columns(experiment(resize=side), SIZE))
    )
    crops = crops.astype(np.uint8)
    assert (mapped.predict_proba(crops) == expected.predict_proba(crops)).all()
    assert (mapped.feature_importances_ == expected.feature_importances_).all()


def test_a_matrix_that_fits_nowhere_is_refused(store, table, monkeypatch):
    monkeypatch.setattr(training, "available_memory", lambda: 0.0002)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=100))
    with pytest.raises(
        UserError, match=r"experiments\.a: .*Set TMPDIR to a folder on a larger disk"
    ):
        grow(store, table)


def test_errors_of_training_name_the_experiment(store, table, monkeypatch):
    monkeypatch.setattr(training, "available_memory", lambda: 0.0002)
    with pytest.raises(UserError, match=r"experiments\.a: random_forest needs .* smaller `resize`"):
        train(store, table, experiment(), seed=0, threads=1)
    with pytest.raises(UserError, match=r"experiments\.a: .* contain only real videos"):
        train(store, table[:3], experiment(), seed=0, threads=1)

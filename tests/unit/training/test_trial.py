"""Settings that cannot be trained are refused before any video is read."""

import pytest

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.config import complete_config
from workflow_scripts.lib.training.registry import MODELS
from workflow_scripts.lib.training.trial import try_experiments

FOREST = {"n_estimators": 2000}
GOOD = [
    *((model, {}) for model in MODELS),
    ("pixel_forest", {**FOREST, "criterion": "entropy", "max_features": 0.1}),
    ("random_forest", {**FOREST, "max_samples": 0.5, "class_weight": "balanced"}),
    ("extra_trees", {"bootstrap": True, "max_samples": 0.5, "criterion": "log_loss"}),
    ("decision_tree", {"splitter": "random", "max_leaf_nodes": 5}),
    ("logistic_regression", {"solver": "saga", "l1_ratio": 0.5, "max_iter": 5}),
    ("linear_svm", {"loss": "hinge", "C": 0.01}),
    ("rbf_svm", {"gamma": 0.1, "C": 10}),
    ("nearest_neighbours", {"n_neighbors": 1000, "weights": "distance"}),
    ("lda", {"solver": "lsqr", "shrinkage": "auto"}),
    ("qda", {"solver": "eigen", "shrinkage": 0.1}),
]
BAD = [
    ("pixel_forest", {"criterion": "log_loss"}),
    ("pixel_forest", {"max_features": 2.0}),
    ("pixel_forest", {"class_weight": "heavy"}),
    ("random_forest", {"max_samples": 0.5, "bootstrap": False}),
    ("random_forest", {"criterion": "chance"}),
    ("random_forest", {"n_estimators": 0}),
    ("extra_trees", {"max_samples": 0.5}),
    ("extra_trees", {"class_weight": {"real": 1}}),
    ("decision_tree", {"min_samples_split": 1}),
    ("logistic_regression", {"l1_ratio": 0.5}),
    ("logistic_regression", {"solver": "fast"}),
    ("logistic_regression", {"C": -1}),
    ("linear_svm", {"loss": "none"}),
    ("rbf_svm", {"gamma": "wide"}),
    ("nearest_neighbours", {"n_neighbors": 5000}),
    ("nearest_neighbours", {"n_neighbors": 0}),
    ("nearest_neighbours", {"metric": "metres"}),
    ("lda", {"shrinkage": "auto"}),
    ("lda", {"solver": "lsqr", "shrinkage": 7}),
    ("qda", {"reg_param": "much"}),
    ("dummy", {"strategy": "guess"}),
]


def experiments(model, params, **more):
    """An experiment as in the completed config."""
    features = "pixels" if MODELS[model].only_bytes else "spectrum"
    settings = {"features": features, "model": model, "params": params, **more}
    config = {"run": "r", "manifest": "m", "experiments": {"tried": settings}}
    return complete_config(config)["experiments"]


@pytest.mark.parametrize(("model", "params"), GOOD)
def test_valid_settings_are_accepted(model, params):
    try_experiments(experiments(model, params), 2000)


@pytest.mark.parametrize(("model", "params"), BAD)
def test_invalid_settings_are_reported_with_their_experiment(model, params):
    with pytest.raises(UserError, match=r"(?m)^experiments\.tried") as raised:
        try_experiments(experiments(model, params), 2000)
    message = str(raised.value)
    assert any(str(word) in message for word in (*params, *params.values()))


def test_each_setting_of_a_grid_is_tried():
    grid = {"shrinkage": [None, 0.1, "auto"]}
    with pytest.raises(UserError, match=r"experiments\.tried, {'shrinkage': 0\.1}: lda: "):
        try_experiments(experiments("lda", {}, grid=grid), 2000)


def test_neighbours_are_limited_by_the_rows_of_the_run():
    near = experiments("nearest_neighbours", {"n_neighbors": 50})
    try_experiments(near, 51)
    with pytest.raises(UserError, match="n_neighbors"):
        try_experiments(near, 20)


def test_nothing_is_tried_if_training_has_its_own_environment(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    try_experiments(experiments("lda", {"shrinkage": "auto"}), 2000)

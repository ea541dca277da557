"""Model files: no pickle, the same bytes each time, and untrusted content is refused."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from workflow_scripts.lib.common.code_files import library_modules
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.training.model_files import fake_scores, load_model, save_model
from workflow_scripts.lib.training.registry import MODELS, fit_model, make_model


def data(n=60, columns=30):
    rng = np.random.default_rng(1)
    matrix = rng.integers(0, 256, (n, columns), dtype=np.uint8)
    return matrix, (matrix[:, 3] > 128).astype(int)


def fitted(name, threads=1, **params):
    matrix, labels = data()
    if "n_estimators" in MODELS[name].parameters:
        params.setdefault("n_estimators", 12)
    if name == "qda":  # needs more rows than columns, or this
        params = {"solver": "eigen", "shrinkage": 0.5, **params}
    model = make_model(name, params, seed=5, threads=threads)
    fit_model(name, model, matrix, labels, units=np.arange(len(labels)))
    return model


def saved(path: Path, name, **settings) -> Path:
    """The file of a fitted model."""
    save_model(path, name, fitted(name, **settings))
    return path


@pytest.mark.parametrize("name", MODELS)
def test_round_trip(tmp_path, name):
    matrix, _ = data()
    scores = fake_scores(load_model(saved(tmp_path / "m.zip", name), name), matrix)
    assert scores.dtype == np.float64
    # a linear model may sum in another order
    tolerance = 1e-12 if MODELS[name].form == "linear" else 0
    assert scores == pytest.approx(fake_scores(fitted(name), matrix), rel=0, abs=tolerance)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_is_the_estimators_own(name):
    model = make_model(name, {}, seed=0, threads=1)
    assert MODELS[name].scaled == hasattr(model, "steps")
    known = (model[-1] if MODELS[name].scaled else model).get_params()
    assert set(MODELS[name].parameters) <= set(known)
    assert MODELS[name].seeded == ("random_state" in known)
    assert MODELS[name].threaded <= ("n_jobs" in known)  # logistic regression ignores its own
    assert MODELS[name].made_of_trees == hasattr(fitted(name), "feature_importances_")


def test_a_model_without_the_class_fake_is_reported():
    model = fitted("dummy")
    model.classes_ = np.array([2, 3])
    with pytest.raises(UserError, match="is not in list"):
        fake_scores(model, data()[0])


def test_scores_and_bytes_do_not_depend_on_the_number_of_threads(tmp_path):
    matrix, _ = data()
    one, two = fitted("random_forest", 1), fitted("random_forest", 2)
    assert (fake_scores(one, matrix) == fake_scores(two, matrix)).all()
    for name in ("random_forest", "pixel_forest", "nearest_neighbours"):
        one, two = (saved(tmp_path / f"{threads}", name, threads=threads) for threads in (1, 2))
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random_forest", "lda", "rbf_svm"])
def test_same_bytes_in_another_process(tmp_path, name):
    script = (
        "import sys; from pathlib import Path\n"
        "from tests.unit.training.test_models import saved\n"
        "junk = [object() for _ in range(int(sys.argv[3]))]\n"
        "saved(Path(sys.argv[1]), sys.argv[2])\n"
    )
    for file, junk in (("a", "0"), ("b", "9999")):
        command = [sys.executable, "-c", script, str(tmp_path / file), name, junk]
        subprocess.run(command, check=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_scores_are_the_probability_of_fake():
    matrix, labels = data()
    scores = fake_scores(fitted("random_forest"), matrix)
    assert scores[labels == 1].min() > scores[labels == 0].max()


def rewritten(path: Path, change) -> None:
    """Rewrite a model file after `change` has changed its members, bytes by name."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("name", ["pixel_forest", "random_forest", "decision_tree"])
@pytest.mark.parametrize(
    ("array", "value"),
    [("left", 10**6), ("left", -7), ("right", 0), ("feature", 10**6), ("feature", -5)],
)
def test_refuses_trees_that_point_outside(tmp_path, name, array, value):
    path = saved(tmp_path / "m.zip", name)
    with np.load(path) as arrays:
        changed = dict(arrays)
    changed[array][0] = value
    with path.open("wb") as file:
        np.savez(file, **changed)
    with pytest.raises(UserError, match=r"m.zip cannot be read \(a tree .* run snakemake again"):
        load_model(path, name)


def test_refuses_foreign_types(tmp_path):
    path = saved(tmp_path / "m.zip", "dummy")

    def change(parts):
        schema = json.loads(parts["schema.json"])
        schema["__class__"], schema["__module__"] = "Popen", "subprocess"
        parts["schema.json"] = json.dumps(schema).encode()

    rewritten(path, change)
    with pytest.raises(UserError, match=r"cannot be read \(Untrusted types found"):
        load_model(path, "dummy")


@pytest.mark.parametrize("name", ["random_forest", "lda", "rbf_svm"])
@pytest.mark.parametrize("length", [0, 10, 0.5, -30])
def test_refuses_a_truncated_file(tmp_path, name, length):
    path = saved(tmp_path / "m.zip", name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * length) if isinstance(length, float) else length])
    with pytest.raises(UserError, match=str(path)):
        load_model(path, name)


@pytest.mark.parametrize("name", ["random_forest", "lda", "rbf_svm"])
def test_refuses_an_altered_file(tmp_path, name):
    path = saved(tmp_path / "m.zip", name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        load_model(path, name)


@pytest.mark.parametrize("other", ["random_forest", "rbf_svm", "dummy"])
@pytest.mark.parametrize("name", ["lda", "nearest_neighbours"])
def test_refuses_another_model_than_the_card_names(tmp_path, name, other):
    path = saved(tmp_path / "m.zip", name)
    with pytest.raises(UserError, match=r"m.zip cannot be read"):
        load_model(path, other)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(UserError, match=r"m.zip cannot be read .*No such file"):
        load_model(tmp_path / "m.zip", "lda")


def test_a_fit_that_gives_no_score_is_not_stored(tmp_path):
    model = fitted("lda")
    model[-1].coef_[0, 3] = np.nan
    with pytest.raises(UserError, match=r"lda: the fit failed, weight contains"):
        save_model(tmp_path / "m.zip", "lda", model)
    assert not list(tmp_path.iterdir())


def test_parameters_that_the_data_do_not_allow_are_reported():
    matrix, labels = data()
    with pytest.raises(UserError, match=r"qda: .* Correct the experiment's params or grid"):
        fit_model("qda", make_model("qda", {}, 0, 1), matrix[:20], labels[:20], np.arange(20))
    with pytest.raises(UserError, match=r"random_forest: .*'criterion'"):
        fitted("random_forest", criterion="best")
    alone = np.zeros(len(labels))
    with pytest.raises(UserError, match=r"pixel_forest: .* one group of people"):
        fit_model("pixel_forest", make_model("pixel_forest", {}, 0, 1), matrix, labels, alone)


def test_scores_after_some_trees_are_those_of_the_smaller_forest():
    matrix, _ = data()
    scores = fake_scores(fitted("pixel_forest", n_estimators=12), matrix, sizes=[5, 12])
    assert (scores[0] == fake_scores(fitted("pixel_forest", n_estimators=5), matrix)).all()
    assert (scores[1] == fake_scores(fitted("pixel_forest", n_estimators=12), matrix)).all()


GROWING = "workflow_scripts/lib/training/pixel_forest/growth.py"
SCORING = [
    "evaluation/evaluate_model",
    "evaluation/evaluate_cross_dataset",
    "report/plot_importance",
]
SCORING += ["verdicts/bundle_model", "verdicts/judge_video"]


@pytest.mark.parametrize("script", SCORING)
def test_scripts_that_predict_do_not_depend_on_how_forests_grow(script):
    modules = library_modules(script)
    assert "workflow_scripts/lib/training/array_models/forest.py" in modules
    assert not [module for module in modules if "pixel_forest" in module]


@pytest.mark.parametrize(
    "script", ["training/fit_fold", "training/train_model", "evaluation/fit_learning_curve"]
)
def test_scripts_that_train_depend_on_it(script):
    assert {GROWING, GROWING.replace("growth", "classifier")} <= set(library_modules(script))


@pytest.mark.parametrize("name", ["pixel_forest", "random_forest", "logistic_regression"])
def test_array_models_predict_without_the_training_libraries(tmp_path, name):
    path = saved(tmp_path / "m.zip", name)
    script = (
        "import sys; from pathlib import Path\n"
        "from workflow_scripts.evaluation import evaluate_model\n"
        "from workflow_scripts.report import plot_importance\n"
        "from workflow_scripts.verdicts import bundle_model\n"
        "import numpy as np; from workflow_scripts.lib.training import model_files\n"
        "model = model_files.load_model(Path(sys.argv[1]), sys.argv[2])\n"
        "model_files.fake_scores(model, np.zeros((2, 30), np.uint8))\n"
        "print({'numba', 'sklearn', 'skops', 'joblib', 'scipy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script, str(path), name]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"

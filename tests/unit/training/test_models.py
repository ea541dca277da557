"""Models: kept without pickle, the same bytes each time, and nothing dangerous comes back."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

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
    if name == "qda":  # it wants more rows than columns, or this
        params = {"solver": "eigen", "shrinkage": 0.5, **params}
    model = make_model(name, params, seed=5, threads=threads)
    fit_model(name, model, matrix, labels, units=np.arange(len(labels)))
    return model


@pytest.mark.parametrize("name", MODELS)
def test_round_trip(tmp_path, name):
    matrix, _ = data()
    model = fitted(name)
    save_model(tmp_path / "m.zip", name, model)
    assert (
        fake_scores(load_model(tmp_path / "m.zip", name), matrix) == fake_scores(model, matrix)
    ).all()


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_is_the_estimators_own(name):
    model = make_model(name, {}, seed=0, threads=1)
    assert MODELS[name].scaled == hasattr(model, "steps")
    known = (model[-1] if MODELS[name].scaled else model).get_params()
    assert set(MODELS[name].parameters) <= set(known)
    assert MODELS[name].seeded == ("random_state" in known)
    assert MODELS[name].threaded <= ("n_jobs" in known)  # logistic regression ignores its own
    assert MODELS[name].made_of_trees == hasattr(fitted(name), "feature_importances_")


def test_same_scores_and_bytes_whatever_the_number_of_threads(tmp_path):
    matrix, _ = data()
    one, two = fitted("random_forest", 1), fitted("random_forest", 2)
    assert (fake_scores(one, matrix) == fake_scores(two, matrix)).all()
    save_model(tmp_path / "one", "random_forest", fitted("random_forest", 1))
    save_model(tmp_path / "two", "random_forest", fitted("random_forest", 2))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.slow
def test_same_bytes_in_another_process(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from tests.unit.training.test_models import fitted\n"
        "from workflow_scripts.lib.training.model_files import save_model\n"
        "junk = [object() for _ in range(int(sys.argv[2]))]\n"
        "save_model(Path(sys.argv[1]), 'random_forest', fitted('random_forest'))\n"
    )
    for name, junk in (("a", "0"), ("b", "9999")):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name), junk], check=True)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_scores_are_the_probability_of_fake():
    matrix, labels = data()
    scores = fake_scores(fitted("random_forest"), matrix)
    assert scores[labels == 1].min() > scores[labels == 0].max()


def rewritten(path: Path, change) -> None:
    """Rewrite a model file with its `schema.json` and arrays changed by `change`."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def node_arrays(parts):
    for name, content in parts.items():
        if name.endswith(".npy"):
            with_fields = np.lib.format.read_array(io.BytesIO(content))
            if with_fields.dtype.names and "left_child" in with_fields.dtype.names:
                yield name, with_fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left_child", 10**6),
        ("right_child", 0),
        ("feature", 10**6),
        ("feature", -5),
        ("left_child", -7),
    ],
)
def test_refuses_trees_that_point_outside(tmp_path, field, value):
    path = tmp_path / "m.zip"
    save_model(path, "random_forest", fitted("random_forest"))

    def change(parts):
        name, nodes = next(node_arrays(parts))
        nodes[field][0] = value
        with (tmp_path / "a.npy").open("wb") as out:
            np.save(out, nodes, allow_pickle=False)
        parts[name] = (tmp_path / "a.npy").read_bytes()

    rewritten(path, change)
    with pytest.raises(UserError, match="cannot be read"):
        load_model(path, "random_forest")


def test_refuses_foreign_types(tmp_path):
    path = tmp_path / "m.zip"
    save_model(path, "dummy", fitted("dummy"))

    def change(parts):
        schema = json.loads(parts["schema.json"])
        schema["__class__"], schema["__module__"] = "Popen", "subprocess"
        parts["schema.json"] = json.dumps(schema).encode()

    rewritten(path, change)
    with pytest.raises(UserError, match="not trusted"):
        load_model(path, "dummy")


@pytest.mark.parametrize("kept", [0, 10, 0.5, -30])
def test_refuses_a_truncated_file(tmp_path, kept):
    path = tmp_path / "m.zip"
    save_model(path, "random_forest", fitted("random_forest"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(UserError, match=str(path)):
        load_model(path, "random_forest")


def test_refuses_an_altered_file(tmp_path):
    path = tmp_path / "m.zip"
    save_model(path, "random_forest", fitted("random_forest"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        load_model(path, "random_forest")


def test_refuses_another_model_than_the_card_names(tmp_path):
    path = tmp_path / "m.zip"
    save_model(path, "extra_trees", fitted("extra_trees"))
    with pytest.raises(UserError, match="it is no random_forest"):
        load_model(path, "random_forest")


def test_refuses_a_forest_of_something_else(tmp_path):
    forest = fitted("random_forest")
    forest.estimators_ = [fitted("dummy"), *forest.estimators_]
    save_model(tmp_path / "m.zip", "random_forest", forest)
    with pytest.raises(UserError, match="cannot be read"):
        load_model(tmp_path / "m.zip", "random_forest")


def test_what_the_data_do_not_allow_is_told():
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

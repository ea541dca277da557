"""A small model bundle, made the way the workflow makes one, from crops drawn here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts import bundle_model
from workflow_scripts.lib.calibration import calibrate
from workflow_scripts.lib.detector_export import export_models
from workflow_scripts.lib.features import recipe
from workflow_scripts.lib.metrics import evaluate
from workflow_scripts.lib.models import save_model
from workflow_scripts.lib.store import VideoCrops, load_matrix, write_features, write_store
from workflow_scripts.lib.training import model_card, train

__all__ = ["CROPS", "VIDEOS", "write_small_bundle"]

SIZE, FRAMES, VIDEOS = 32, 3, 12
CROPS = {
    "sampling": {"frames": FRAMES, "every": 4, "max_seconds": 60, "max_memory_mb": 1000},
    "detector": {"backend": "onnxruntime", "min_face_size": 20},
    "faces": {"confidence": 0.9, "selection": "largest", "margin": 1.3, "size": SIZE},
}


def write_small_bundle(
    folder: Path, model: str = "extra_trees", features: str = "spectrum", **card: Any
) -> Path:
    """Train a model on noise, fakes smoother than reals, and bundle it; returns the bundle's path.

    `card` replaces entries of the model's card.
    """
    store = _store(folder)
    table = _split()
    table.to_csv(folder / "split.tsv", sep="\t", index=False)
    side = 16 if features == "pixels" else None
    trees = {} if model == "logistic_regression" else {"n_estimators": 8}
    experiment = {"features": features, "side": side, "model": model, "params": trees}
    if features != "pixels":
        rows = np.arange(VIDEOS * FRAMES)
        matrix = load_matrix(store, rows, recipe(features, side))
        write_features(store, features, matrix, "1")
    training = table[table["part"] == "train"]
    save_model(folder / "model.zip", model, train(store, training, "small", experiment, 1, 1))
    fake = np.arange(VIDEOS) % 2
    scores, groups = np.where(fake, 0.8, 0.3), np.arange(VIDEOS) // 2
    choice = {
        "params": experiment["params"],
        "validation": {},
        "cost": {"cpu_s": 0.0},
        **calibrate(scores, fake, groups, 0.05),
    }
    made = model_card(store, training, "identity", "small", experiment, choice, 1, {})
    (folder / "model.json").write_text(json.dumps({**made, **card}))
    measured = evaluate(fake, scores, scores, groups, 0.5, 50, 0.95, 1)
    evaluation = {"protocol": "identity", "leak": {"word": "no"}, "interval": 0.95}
    (folder / "evaluation.json").write_text(json.dumps({**evaluation, "video": measured}))
    export_models(folder)
    bundle_model.main(
        store,
        folder / "split.tsv",
        folder / "model.zip",
        folder / "model.json",
        folder / "evaluation.json",
        folder,
        folder / "bundle.zip",
    )
    return folder / "bundle.zip"


def _store(folder: Path) -> Path:
    write_store(folder / "store.zarr", map(_video, range(VIDEOS)), CROPS, VIDEOS * 3, SIZE, 3, 4)
    return folder / "store.zarr"


def _video(number: int) -> VideoCrops:
    rng = np.random.default_rng(number)
    noise = rng.normal(128, 30, (FRAMES, SIZE, SIZE, 3))
    if number % 2:
        noise = (noise + np.roll(noise, 1, axis=1)) / 2
    columns = {
        "frame": np.arange(FRAMES) * 4,
        "time": np.arange(FRAMES) * 4 / 25,
        "confidence": np.full(FRAMES, 0.99),
        "box": np.tile([10, 10, 80 + number, 90 + number], (FRAMES, 1)),
        "keypoints": np.zeros((FRAMES, 5, 2)),
    }
    crops = np.clip(noise, 0, 255).astype(np.uint8)
    return VideoCrops(f"v{number}", f"g{number // 2}", number % 2, crops, columns)


def _split() -> pd.DataFrame:
    video = np.repeat(np.arange(VIDEOS), FRAMES)
    return pd.DataFrame(
        {
            "row": np.arange(VIDEOS * FRAMES),
            "video": [f"v{n}" for n in video],
            "group": [f"g{n // 2}" for n in video],
            "label": np.where(video % 2, "fake", "real"),
            "method": "drawn",
            "compression": "",
            "dataset": "demo",
            "part": np.where(video < VIDEOS - 4, "train", "test"),
            "unit": [f"g{n // 2}" for n in video],
        }
    )

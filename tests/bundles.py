"""A small model bundle, made the way the workflow makes one, from crops drawn here."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.lib.data.manifest import Video, write_manifest
from workflow_scripts.lib.evaluation.metrics import evaluate
from workflow_scripts.lib.faces.mtcnn_export import export_models
from workflow_scripts.lib.features import recipe
from workflow_scripts.lib.store.zarr_store import (
    VideoCrops,
    load_matrix,
    write_features,
    write_store,
)
from workflow_scripts.lib.training.calibration import calibrate
from workflow_scripts.lib.training.grid import stored_features
from workflow_scripts.lib.training.model_files import save_model
from workflow_scripts.lib.training.registry import MODELS
from workflow_scripts.lib.training.training import model_card, train
from workflow_scripts.lib.verdicts import bundle as bundles
from workflow_scripts.verdicts import bundle_model

SIZE, FRAMES, VIDEOS, TREES = 32, 3, 12, 8
BITS_PER_PIXEL = np.linspace(0.02, 0.06, VIDEOS)  # as videos of the web have


def write_small_bundle(
    folder: Path,
    model: str = "extra_trees",
    features: str = "spectrum",
    frames: int = FRAMES,
    stride: int = 4,
    size: int = SIZE,
    trees: int = TREES,
) -> Path:
    """Train a model on noise, fakes smoother than reals, and bundle it; returns the bundle."""
    crops = {
        "sampling": {"frames": frames, "stride": stride},
        "detector": {"backend": "onnxruntime", "min_face_size": 20},
        "faces": {"confidence": 0.9, "scale": 1.3, "size": size},
    }
    store = folder / "store.zarr"
    made = (_video(number, frames, size) for number in range(VIDEOS))
    write_store(store, made, crops, VIDEOS * frames)
    table = _split(frames)
    table.to_csv(folder / "split.tsv", sep="\t", index=False)
    side = size // 2 if features == "pixels" else None
    params = {"n_estimators": trees} if "n_estimators" in MODELS[model].parameters else {}
    experiment: dict[str, Any] = {
        "name": "small",
        "features": features,
        "resize": side,
        "model": model,
        "params": params,
    }
    rows = np.arange(VIDEOS * frames)
    for name in stored_features(experiment):
        matrix = load_matrix(store, rows, recipe(name, side))
        write_features(folder / "features", name, [matrix], len(rows), "1")
    training = table[table["split"] == "train"]
    save_model(folder / "model.zip", model, train(store, training, experiment, 1, 1))
    fake = np.arange(VIDEOS) % 2
    scores, groups = np.where(fake, 0.8, 0.3), np.arange(VIDEOS) // 2
    choice = {
        "params": experiment["params"],
        "validation": {"video_roc_auc": 1.0, "videos": VIDEOS, "groups": VIDEOS // 2},
        **calibrate(scores, fake, groups, 0.05),
    }
    card = model_card(store, training, "identity", experiment, choice, 1)
    (folder / "model.json").write_text(json.dumps(card))
    measured = evaluate(fake, scores, scores, groups, 0.5, 50, 0.95, 1)
    evaluation = {"protocol": "identity", "leak": {"word": "no"}, "interval": 0.95}
    (folder / "evaluation.json").write_text(json.dumps({**evaluation, "video": measured}))
    export_models(folder)
    write_manifest(
        folder / "manifest.tsv",
        [Video(f"v{n}", f"v{n}.mp4", ("real", "fake")[n % 2], f"g{n // 2}") for n in range(VIDEOS)],
    )
    sizes = {"video_id": [f"v{n}" for n in range(VIDEOS)], "bits_per_pixel": BITS_PER_PIXEL}
    pd.DataFrame(sizes).to_csv(folder / "quality.tsv", sep="\t", index=False)
    bundle_model.main(
        folder / "manifest.tsv",
        folder / "quality.tsv",
        store,
        folder / "split.tsv",
        folder / "model.zip",
        folder / "model.json",
        folder / "evaluation.json",
        [folder / "pnet.onnx"],
        folder / "bundle.zip",
    )
    return folder / "bundle.zip"


def members(path: Path) -> dict[str, bytes]:
    """What a bundle holds, by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(
    path: Path, contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED
) -> Path:
    """Write a bundle of these members."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def signed(
    contents: dict[str, bytes], card: dict[str, Any] | None = None, **about: Any
) -> dict[str, bytes]:
    """The members with another card or other entries of bundle.json, and checksums that fit."""
    if card is not None:
        contents["model.json"] = json.dumps(card).encode()
    told = {**json.loads(contents["bundle.json"]), **about}
    told["files"] = {
        name: bundles._checksum(content)
        for name, content in contents.items()
        if name != "bundle.json"
    }
    del told["digest"]
    made = told.pop("made")
    told |= {"digest": bundles._digest(told), "made": made}
    return {**contents, "bundle.json": json.dumps(told).encode()}


def _video(number: int, frames: int, size: int) -> VideoCrops:
    rng = np.random.default_rng(number)
    noise = rng.normal(128, 30, (frames, size, size, 3))
    if number % 2:
        noise = (noise + np.roll(noise, 1, axis=1)) / 2
    columns = {
        "frame": np.arange(frames) * 4,
        "time": np.arange(frames) * 4 / 25,
        "confidence": np.full(frames, 0.99),
        "box": np.tile([10, 10, 80 + number, 90 + number], (frames, 1)),
        "keypoints": np.zeros((frames, 5, 2)),
    }
    crops = np.clip(noise, 0, 255).astype(np.uint8)
    return VideoCrops(f"v{number}", f"g{number // 2}", number % 2, crops, columns)


def _split(frames: int) -> pd.DataFrame:
    video = np.repeat(np.arange(VIDEOS), frames)
    return pd.DataFrame(
        {
            "row": np.arange(VIDEOS * frames),
            "video": [f"v{n}" for n in video],
            "group": [f"g{n // 2}" for n in video],
            "label": np.where(video % 2, "fake", "real"),
            "method": "drawn",
            "compression": "",
            "dataset": "demo",
            "split": np.where(video < VIDEOS - 4, "train", "test"),
            "unit": [f"g{n // 2}" for n in video],
        }
    )

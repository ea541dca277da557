"""Put a model and all that a verdict needs into one file."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.data.identities import names_of
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.faces.crops import crop_hash
from workflow_scripts.lib.store.zarr_store import StoredVideos
from workflow_scripts.lib.training.array_models import ArrayModel
from workflow_scripts.lib.training.matrix import load_experiment
from workflow_scripts.lib.training.model_files import load_model
from workflow_scripts.lib.training.splits import TEST, TRAIN
from workflow_scripts.lib.verdicts.attributions import column_groups, group_contributions
from workflow_scripts.lib.verdicts.bundle import write_bundle
from workflow_scripts.lib.verdicts.training_range import measure, person_ids, training_ranges

ROWS_AT_ONCE = 64  # 160 MB of contributions for the study's crops


def main(
    manifest: Path,
    quality: Path,
    store: Path,
    split: Path,
    model: Path,
    card: Path,
    evaluation: Path,
    networks: list[Path],
    bundle: Path,
) -> None:
    """Write the bundle; `lib/verdicts/bundle.py` describes its content."""
    about = json.loads(card.read_text(encoding="utf-8"))
    table = read_table(split)
    training = table[table["split"] == TRAIN]
    rows = read_manifest(manifest)
    bits_per_pixel = read_table(quality).set_index("video_id")["bits_per_pixel"]
    stored = StoredVideos(store)
    videos = training["video"].unique()
    measurements, marks = [], list[str]()
    for video in videos:
        faces = stored.read(video, "")
        columns = faces.columns
        at = (columns["frame"], columns["time"])
        measurements.append(measure(faces.crops, columns["box"], *at, float(bits_per_pixel[video])))
        marks += map(crop_hash, faces.crops)
    # by the protocol `frame`, the test part has other frames of the same videos
    unseen_real = table[
        (table["split"] == TEST)
        & (table["label"] == Label.REAL.word)
        & ~table["video"].isin(videos)
    ]
    write_bundle(
        bundle,
        model,
        about,
        networks[0].parent,
        evaluation=_evaluation_summary(json.loads(evaluation.read_text(encoding="utf-8"))),
        ranges=training_ranges(measurements, len(person_ids(rows[video] for video in videos))),
        typical_real=_real_contributions(store, unseen_real["row"].to_numpy(), model, about),
        trained_on=marks,
        people=names_of(rows[video] for video in videos),
        made=datetime.now(UTC).date().isoformat(),
    )
    logging.info(
        "Bundled %s, protocol %s: %.1f MB",
        about["experiment"],
        about["protocol"],
        bundle.stat().st_size / 1e6,
    )


def _evaluation_summary(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The results on the test part that a verdict reports."""
    videos = evaluation["video"]
    return {
        "protocol": evaluation["protocol"],
        "leak": evaluation["leak"]["word"],
        "roc_auc": videos["roc_auc"],
        "interval": evaluation["interval"],
        "videos": videos["n"],
        "groups": videos["groups"],
    }


def _real_contributions(
    store: Path, rows: np.ndarray, model_path: Path, card: dict[str, Any]
) -> dict[str, Any]:
    """The mean contributions to the scores of real videos that the model was not trained on; none
    where the model is not kept as arrays, or the test part has no such videos."""
    model = load_model(model_path, card["model"])
    if not isinstance(model, ArrayModel) or not len(rows):
        return {"rows": 0, "contributions": {}}
    features = card["features"]
    experiment = {"features": features["name"], "resize": features["resize"]}
    matrix = load_experiment(store, rows, experiment)
    groups = column_groups(features["name"], features["resize"] or card["crops"]["faces"]["size"])
    sums = dict.fromkeys(groups, 0.0)
    for first in range(0, len(matrix), ROWS_AT_ONCE):
        block = matrix[first : first + ROWS_AT_ONCE]
        _, contributions = model.contributions(block)
        for name, value in group_contributions(contributions, groups).items():
            sums[name] += value * len(block)
    return {
        "rows": len(rows),
        "contributions": {name: round(total / len(rows), 6) for name, total in sums.items()},
    }


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

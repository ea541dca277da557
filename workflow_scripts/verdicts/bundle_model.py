"""Pack a model and everything that a verdict needs into one file."""

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

BATCH_ROWS = 64  # 160 MB of contributions for the study's crops


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
    model_card = json.loads(card.read_text(encoding="utf-8"))
    table = read_table(split)
    training = table[table["split"] == TRAIN]
    rows = read_manifest(manifest)
    bits_per_pixel = read_table(quality).set_index("video_id")["bits_per_pixel"]
    stored = StoredVideos(store)
    videos = training["video"].unique()
    measurements, hashes = [], list[str]()
    for video in videos:
        faces = stored.read(video, "")
        boxes, frames, times = (faces.columns[name] for name in ("box", "frame", "time"))
        measurements.append(
            measure(faces.crops, boxes, frames, times, float(bits_per_pixel[video]))
        )
        hashes += map(crop_hash, faces.crops)
    # under the protocol `frame`, the test part has other frames of the same videos
    unseen_real = table[
        (table["split"] == TEST)
        & (table["label"] == Label.REAL.word)
        & ~table["video"].isin(videos)
    ]
    results = json.loads(evaluation.read_text(encoding="utf-8"))
    write_bundle(
        bundle,
        model,
        model_card,
        networks[0].parent,
        evaluation={
            "protocol": results["protocol"],
            "leak": results["leak"]["word"],
            "roc_auc": results["video"]["roc_auc"],
            "interval": results["interval"],
            "videos": results["video"]["n"],
            "groups": results["video"]["groups"],
        },
        ranges=training_ranges(measurements, len(person_ids(rows[video] for video in videos))),
        typical_real=_real_contributions(store, unseen_real["row"].to_numpy(), model, model_card),
        trained_on=hashes,
        people=names_of(rows[video] for video in videos),
        made=datetime.now(UTC).date().isoformat(),
    )
    logging.info(
        "Bundled %s, protocol %s: %.1f MB",
        model_card["experiment"],
        model_card["protocol"],
        bundle.stat().st_size / 1e6,
    )


def _real_contributions(
    store: Path, rows: np.ndarray, model_path: Path, card: dict[str, Any]
) -> dict[str, Any]:
    """The mean contributions to the scores of rows of unseen real videos; none without such rows,
    and for models other than `ArrayModel`."""
    model = load_model(model_path, card["model"])
    if not isinstance(model, ArrayModel) or not len(rows):
        return {"rows": 0, "contributions": {}}
    features = card["features"]
    matrix = load_experiment(
        store, rows, {"features": features["name"], "resize": features["resize"]}
    )
    groups = column_groups(features["name"], features["resize"] or card["crops"]["faces"]["size"])
    sums = dict.fromkeys(groups, 0.0)
    for start in range(0, len(matrix), BATCH_ROWS):
        batch = matrix[start : start + BATCH_ROWS]
        _, contributions = model.contributions(batch)
        for name, value in group_contributions(contributions, groups).items():
            sums[name] += value * len(batch)
    return {
        "rows": len(rows),
        "contributions": {name: round(total / len(rows), 6) for name, total in sums.items()},
    }


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

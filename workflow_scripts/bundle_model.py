"""Put a model and all that judging needs into one file."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.bundle import write_bundle
from workflow_scripts.lib.explain import column_groups, contributions, group_moves
from workflow_scripts.lib.manifest import Label
from workflow_scripts.lib.models import load_model
from workflow_scripts.lib.ranges import measure, training_ranges
from workflow_scripts.lib.splits import TEST, TRAIN
from workflow_scripts.lib.store import StoredVideos
from workflow_scripts.lib.tables import read_table
from workflow_scripts.lib.training import load_experiment


def main(
    store: Path,
    split: Path,
    model_path: Path,
    card_path: Path,
    evaluation: Path,
    networks: Path,
    output: Path,
) -> None:
    """Write the bundle; see `lib/bundle.py` for what is in it."""
    card = json.loads(card_path.read_text(encoding="utf-8"))
    table = read_table(split)
    stored = StoredVideos(store)
    measured = []
    for video in table.loc[table["part"] == TRAIN, "video"].unique():
        seen = stored.read(video, "")
        columns = seen.columns
        measured.append(measure(seen.crops, columns["box"], columns["frame"], columns["time"]))
    # real people that the model has not seen, as it has not seen who is judged
    real = table[(table["part"] == TEST) & (table["label"] == Label.REAL.word)]
    write_bundle(
        output,
        model_path,
        card_path,
        networks,
        evaluation=_honest(json.loads(evaluation.read_text(encoding="utf-8"))),
        ranges=training_ranges(measured),
        typical_real=_typical(store, real["row"].to_numpy(), model_path, card),
    )
    logging.info(
        "Bundled %s, protocol %s: %.1f MB",
        card["experiment"],
        card["protocol"],
        output.stat().st_size / 1e6,
    )


def _honest(evaluation: dict[str, Any]) -> dict[str, Any]:
    """What a verdict says of the model's worth."""
    videos = evaluation["video"]
    return {
        "protocol": evaluation["protocol"],
        "leak": evaluation["leak"]["word"],
        "roc_auc": videos["roc_auc"],
        "interval": evaluation["interval"],
        "videos": videos["n"],
        "groups": videos["groups"],
    }


def _typical(
    store: Path, rows: np.ndarray, model_path: Path, card: dict[str, Any]
) -> dict[str, Any]:
    """What moves the scores of real videos; nothing where the model has no trees."""
    features = card["features"]
    if not len(rows):
        return {"rows": 0, "moves": {}}
    experiment = {"features": features["name"], "side": features["side"]}
    matrix = load_experiment(store, rows, experiment)
    found = contributions(load_model(model_path, card["model"]), matrix)
    if found is None:
        return {"rows": len(rows), "moves": {}}
    groups = column_groups(features["name"], features["side"] or card["crops"]["faces"]["size"])
    moves = group_moves(found[1], groups)
    return {"rows": len(rows), "moves": {name: round(move, 6) for name, move in moves.items()}}


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).parent,
            split=Path(snakemake.input.split),
            model_path=Path(snakemake.input.model),
            card_path=Path(snakemake.input.card),
            evaluation=Path(snakemake.input.evaluation),
            networks=Path(snakemake.input.networks[0]).parent,
            output=Path(snakemake.output[0]),
        )

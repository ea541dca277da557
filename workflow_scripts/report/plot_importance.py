"""Show what counts for a model: where in the face it looks, or at which features."""

import json
from pathlib import Path

import numpy as np

from workflow_scripts.lib.common.plotting import (
    draw_feature_importance,
    draw_importance,
    save_figure,
)
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.features import find_feature_set, shrink
from workflow_scripts.lib.store.zarr_store import iter_crops
from workflow_scripts.lib.training.model_files import load_model
from workflow_scripts.lib.training.splits import TRAIN, find_leak


def main(store: Path, split: Path, model_path: Path, card_path: Path, output: Path) -> None:
    """Draw the importance of each pixel over the mean face of the training part, or that of the
    features of other sets."""
    card = json.loads(card_path.read_text(encoding="utf-8"))
    table = read_table(split)
    importance = load_model(model_path, card["model"]).importances
    leak = find_leak(*(table[column].to_numpy() for column in ("part", "video", "group")))
    names = card["experiment"], card["protocol"], leak.word
    features = card["features"]
    if features["name"] == "pixels":
        rows = table.loc[table["part"] == TRAIN, "row"].to_numpy()
        mean_face = _mean_face(store, rows, features["side"])
        per_pixel = importance.reshape(mean_face.shape).sum(axis=2)
        figure = draw_importance(per_pixel, mean_face, *names)
    else:
        side = features["side"] or card["crops"]["faces"]["size"]
        columns = find_feature_set(features["name"]).columns(side)
        figure = draw_feature_importance(importance, columns, side, *names)
    save_figure(output, figure)


def _mean_face(store: Path, rows: np.ndarray, side: int | None) -> np.ndarray:
    """(side, side, 3) uint8."""
    total = 0.0
    for _, crops in iter_crops(store, rows):
        total = total + shrink(crops, side).sum(axis=0, dtype=np.float64)
    return np.asarray(total / len(rows)).round().astype(np.uint8)


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).with_suffix(".zarr"),
            split=Path(snakemake.input.split),
            model_path=Path(snakemake.input.model),
            card_path=Path(snakemake.input.card),
            output=Path(snakemake.output[0]),
        )

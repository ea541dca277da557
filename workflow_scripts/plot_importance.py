"""Show where in the face a model looks."""

import json
from pathlib import Path

import numpy as np

from workflow_scripts.lib.features import shrink
from workflow_scripts.lib.figures import draw_importance, save_figure
from workflow_scripts.lib.models import load_model
from workflow_scripts.lib.splits import TRAIN, find_leak
from workflow_scripts.lib.store import iter_crops
from workflow_scripts.lib.tables import read_table


def main(store: Path, split: Path, model_path: Path, card_path: Path, output: Path) -> None:
    """Draw the importance of each pixel over the mean face of the training part."""
    card = json.loads(card_path.read_text(encoding="utf-8"))
    table = read_table(split)
    rows = table.loc[table["part"] == TRAIN, "row"].to_numpy()
    total = 0.0
    for _, crops in iter_crops(store, rows):
        total = total + shrink(crops, card["features"]["side"]).sum(axis=0, dtype=np.float64)
    mean_face = np.asarray(total / len(rows)).round().astype(np.uint8)
    importance = load_model(model_path, card["model"]).feature_importances_.reshape(mean_face.shape)
    leak = find_leak(*(table[column].to_numpy() for column in ("part", "video", "group")))
    figure = draw_importance(
        importance.sum(axis=2), mean_face, card["experiment"], card["protocol"], leak.word
    )
    save_figure(output, figure)


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).parent,
            split=Path(snakemake.input.split),
            model_path=Path(snakemake.input.model),
            card_path=Path(snakemake.input.card),
            output=Path(snakemake.output[0]),
        )

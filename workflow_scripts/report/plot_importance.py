"""Show the feature importance of a model: of the pixels of a face, or of other features."""

import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from workflow_scripts.lib.common.plotting import CYCLE, figure_title, save_figure
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.features import find_feature_set, shrink
from workflow_scripts.lib.features.spectrum import frequencies
from workflow_scripts.lib.store.zarr_store import iter_crops
from workflow_scripts.lib.training.model_files import load_model
from workflow_scripts.lib.training.splits import TRAIN, find_leak


def main(store: Path, split: Path, model: Path, card: Path, figure: Path) -> None:
    """Draw the importance of each pixel over the mean face of the training part, or the importance
    of other features."""
    about = json.loads(card.read_text(encoding="utf-8"))
    table = read_table(split)
    importance = load_model(model, about["model"]).importances
    leak = find_leak(*(table[column].to_numpy() for column in ("split", "video", "group")))
    title = figure_title(about["experiment"], about["protocol"], leak.word)
    features, side = about["features"]["name"], about["features"]["resize"]
    if features == "pixels":
        rows = table.loc[table["split"] == TRAIN, "row"].to_numpy()
        total = sum(
            shrink(crops, side).sum(axis=0, dtype=np.float64)
            for _, crops in iter_crops(store, rows)
        )
        mean_face = np.asarray(total / len(rows)).round().astype(np.uint8)
        per_pixel = importance.reshape(mean_face.shape).sum(axis=2)
        drawing = draw_pixel_importance(per_pixel, mean_face, title)
    else:
        side = side or about["crops"]["faces"]["size"]
        columns = find_feature_set(features).columns(side)
        drawing = draw_feature_importance(importance, columns, side, title)
    save_figure(figure, drawing)


def draw_pixel_importance(importance: np.ndarray, mean_face: np.ndarray, title: str) -> Figure:
    """Importance per pixel (side, side), summed over the colours, over the mean face
    (side, side, 3) uint8 RGB."""
    from scipy.ndimage import gaussian_filter

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8.4, 3.1))
    left.imshow(mean_face)
    left.set_title("mean face")
    middle.imshow(importance, cmap="inferno")
    middle.set_title("importance per pixel")
    right.imshow(mean_face.mean(axis=2), cmap="gray", vmin=0, vmax=255)
    smooth = gaussian_filter(importance, len(importance) / 40) / importance.mean()
    overlay = right.imshow(smooth, cmap="inferno", alpha=0.55, vmin=0)
    right.set_title("smoothed, over the mean face")
    for axes in (left, middle, right):
        axes.set_axis_off()
    figure.colorbar(overlay, ax=right, shrink=0.8, label="times the average")
    figure.suptitle(title)
    return figure


def draw_feature_importance(
    importance: np.ndarray, columns: Sequence[str], side: int, title: str
) -> Figure:
    """Importance (n,) by feature set and plane, and as a curve over the spectrum.

    `columns` are the n names that a feature set has for crops of `side` pixels, `set.plane[...]`.
    """
    planes = np.array([column.partition("[")[0] for column in columns])
    shares = pd.Series(importance).groupby(planes, sort=False).sum()
    spectra = [plane for plane in shares.index if plane.startswith("spectrum.")]
    figure, panels = plt.subplots(
        1, 1 + bool(spectra), figsize=(4.6 + 4.4 * bool(spectra), 3.4), squeeze=False
    )
    bars = panels[0, -1]
    set_numbers, _ = pd.factorize(shares.index.str.partition(".").get_level_values(0))
    colours = [CYCLE[number % len(CYCLE)] for number in set_numbers]
    bars.barh(shares.index.str.replace(".", " "), shares, color=colours)
    bars.invert_yaxis()
    bars.xaxis.set_major_formatter(PercentFormatter(1))
    bars.set(title="share of each set and plane")
    if spectra:
        curve = panels[0, 0]
        for plane, colour in zip(spectra, ("#000000", *CYCLE), strict=False):
            relative = importance[planes == plane] / importance.mean()
            label = plane.removeprefix("spectrum.")
            curve.plot(frequencies(side), relative, lw=1, color=colour, label=label)
        curve.set(
            xlabel="frequency, cycles per pixel of the crop",
            ylabel="importance, times the average",
            title="spectrum",
            ylim=(0, None),
        )
        curve.legend(fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Show what counts for a model: where in the face it looks, or at which features."""

import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
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
    """Draw the importance of each pixel over the mean face of the training part, or that of the
    features of other sets."""
    about = json.loads(card.read_text(encoding="utf-8"))
    table = read_table(split)
    importance = load_model(model, about["model"]).importances
    leak = find_leak(*(table[column].to_numpy() for column in ("split", "video", "group")))
    names = about["experiment"], about["protocol"], leak.word
    features = about["features"]
    if features["name"] == "pixels":
        rows = table.loc[table["split"] == TRAIN, "row"].to_numpy()
        mean_face = _mean_face(store, rows, features["resize"])
        per_pixel = importance.reshape(mean_face.shape).sum(axis=2)
        drawn = draw_importance(per_pixel, mean_face, *names)
    else:
        side = features["resize"] or about["crops"]["faces"]["size"]
        columns = find_feature_set(features["name"]).columns(side)
        drawn = draw_feature_importance(importance, columns, side, *names)
    save_figure(figure, drawn)


def _mean_face(store: Path, rows: np.ndarray, side: int | None) -> np.ndarray:
    """(side, side, 3) uint8."""
    total = 0.0
    for _, crops in iter_crops(store, rows):
        total = total + shrink(crops, side).sum(axis=0, dtype=np.float64)
    return np.asarray(total / len(rows)).round().astype(np.uint8)


def draw_importance(
    importance: np.ndarray, mean_face: np.ndarray, experiment: str, protocol: str, leak: str
) -> Figure:
    """Where a model looks: importance per pixel over the mean face.

    Parameters
    ----------
    importance : (side, side) float
        Summed over the colours; adds up to 1.
    mean_face : (side, side, 3) uint8 RGB
    experiment, protocol, leak : str
        For the title; `leak` is `splits.Leak.word`.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8.4, 3.1))
    grey = mean_face.mean(axis=2)
    left.imshow(mean_face)
    left.set_title("mean face")
    middle.imshow(importance, cmap="inferno")
    middle.set_title("importance per pixel")
    right.imshow(grey, cmap="gray", vmin=0, vmax=255)
    smooth = _smooth(importance)
    shown = right.imshow(smooth / importance.mean(), cmap="inferno", alpha=0.55, vmin=0)
    right.set_title("smoothed, over the mean face")
    for axes in (left, middle, right):
        axes.set_axis_off()
    figure.colorbar(shown, ax=right, shrink=0.8, label="times the average")
    figure.suptitle(figure_title(experiment, protocol, leak))
    return figure


def draw_feature_importance(
    importance: np.ndarray,
    columns: Sequence[str],
    side: int,
    experiment: str,
    protocol: str,
    leak: str,
) -> Figure:
    """What counts for a model of feature sets: a curve over the spectrum, and each set's share.

    Parameters
    ----------
    importance : (n,) float
        Adds up to 1.
    columns : n str
        As a feature set names them, `set.plane[...]`.
    side : int
        Of the crops, pixels.
    experiment, protocol, leak : str
        For the title; `leak` is `splits.Leak.word`.
    """
    kinds = np.array([column.partition("[")[0] for column in columns])
    spectra = [kind for kind in dict.fromkeys(kinds) if kind.startswith("spectrum.")]
    figure, panels = plt.subplots(
        1, 1 + bool(spectra), figsize=(4.6 + 4.4 * bool(spectra), 3.4), squeeze=False
    )
    bars = panels[0, -1]
    names = list(dict.fromkeys(kinds))
    shares = [importance[kinds == name].sum() for name in names]
    sets = list(dict.fromkeys(name.partition(".")[0] for name in names))
    colours = [CYCLE[sets.index(name.partition(".")[0]) % len(CYCLE)] for name in names]
    bars.barh([name.replace(".", " ") for name in names], shares, color=colours)
    bars.invert_yaxis()
    bars.xaxis.set_major_formatter(PercentFormatter(1))
    bars.set(title="share of each set and plane")
    if spectra:
        curve = panels[0, 0]
        for kind, colour in zip(spectra, ("#000000", *CYCLE), strict=False):
            values = importance[kinds == kind]
            curve.plot(
                frequencies(side), values / importance.mean(), lw=1, color=colour,
                label=kind.removeprefix("spectrum."),
            )  # fmt: skip
        curve.set(
            xlabel="frequency, cycles per pixel of the crop",
            ylabel="importance, times the average",
            title="spectrum",
            ylim=(0, None),
        )
        curve.legend(fontsize=8)
    figure.suptitle(figure_title(experiment, protocol, leak), fontsize=10)
    return figure


def _smooth(importance: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(importance, importance.shape[0] / 40)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

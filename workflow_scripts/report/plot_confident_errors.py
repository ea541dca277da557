"""Show the most confident errors of all experiments under one protocol."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from workflow_scripts.lib.common.plotting import figure_title, save_figure
from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.features import shrink
from workflow_scripts.lib.store.zarr_store import iter_crops

N_FRAMES, SIDE = 6, 160


def main(
    store: Path, protocol: str, evaluations: list[Path], predictions: list[Path], figure: Path
) -> None:
    """Draw them; `evaluations` (JSON) and `predictions` (per frame) go in pairs."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    tables = [_confident_errors(read_table(path)) for path in predictions]
    rows = np.unique(np.concatenate([table["row"] for table in tables])).astype(int)
    crop_of: dict[Any, np.ndarray] = {}
    for positions, crops in iter_crops(store, rows):
        crop_of |= dict(zip(rows[positions], shrink(crops, SIDE), strict=True))
    errors = {
        result["experiment"]: [(crop_of[row.row], _caption(row)) for row in table.itertuples()]
        for result, table in zip(results, tables, strict=True)
    }
    save_figure(figure, draw_confident_errors(protocol, results[0]["leak"]["word"], errors))


def _confident_errors(table: pd.DataFrame) -> pd.DataFrame:
    """The wrong frames whose probability is farthest from the label, one per video."""
    wrong = table[table["predicted"] != table["label"]]
    error = np.abs(wrong["probability"] - label_numbers(wrong))
    ordered = wrong.assign(error=error).sort_values("error", ascending=False, kind="stable")
    return ordered.drop_duplicates("video").head(N_FRAMES)


def _caption(row: Any) -> str:
    name = row.video if len(row.video) <= 26 else f"{row.video[:25]}…"
    prediction = f"frame {row.frame}: {row.label}, called {row.predicted}"
    return f"{name}\n{prediction}\nP(fake) {row.probability:.2f}"


def draw_confident_errors(
    protocol: str, leak: str, errors: Mapping[str, Sequence[tuple[np.ndarray, str]]]
) -> Figure:
    """A row per experiment: `errors` are crops (side, side, 3) uint8 with their captions, up to
    `N_FRAMES` each."""
    figure, panels = plt.subplots(
        len(errors),
        N_FRAMES,
        figsize=(1.5 * N_FRAMES + 0.6, 0.5 + 1.75 * len(errors)),
        squeeze=False,
        subplot_kw={"frame_on": False, "xticks": [], "yticks": []},
    )
    for row, (name, frames) in zip(panels, errors.items(), strict=True):
        row[0].set_ylabel(name, fontsize=7)
        if not frames:
            row[0].text(0.5, 0.5, "none", ha="center", va="center")
        for axes, (crop, caption) in zip(row, frames, strict=False):
            axes.imshow(crop)
            axes.set_title(caption, fontsize=6, fontweight="normal")
    figure.suptitle(figure_title("Most confident errors", protocol, leak), fontsize=10)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Show the frames about which the experiments under one protocol were surest and wrong."""

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

SHOWN, SIDE = 6, 160


def main(
    store: Path, protocol: str, evaluations: list[Path], predictions: list[Path], figure: Path
) -> None:
    """Draw them; `evaluations` (JSON) and `predictions` (per frame) go in pairs."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    worst = {
        result["experiment"]: _surest_mistakes(read_table(path))
        for result, path in zip(results, predictions, strict=True)
    }
    rows = np.unique(np.concatenate([table["row"] for table in worst.values()])).astype(int)
    crops: dict[Any, np.ndarray] = {}
    for positions, found in iter_crops(store, rows):
        crops |= dict(zip(rows[positions], shrink(found, SIDE), strict=True))
    mistakes = {
        name: [(crops[row.row], _told(row)) for row in table.itertuples()]
        for name, table in worst.items()
    }
    save_figure(
        figure, draw_confident_errors(protocol, results[0]["leak"]["word"], mistakes, SHOWN)
    )


def _surest_mistakes(table: pd.DataFrame) -> pd.DataFrame:
    """The wrong frames farthest from the truth, one per video."""
    wrong = table[table["predicted"] != table["label"]]
    error = np.abs(wrong["probability"] - label_numbers(wrong))
    worst = wrong.assign(error=error).sort_values("error", ascending=False, kind="stable")
    return worst.drop_duplicates("video").head(SHOWN)


def _told(row: Any) -> str:
    name = row.video if len(row.video) <= 26 else f"{row.video[:25]}…"
    told = f"frame {row.frame}: {row.label}, called {row.predicted}"
    return f"{name}\n{told}\nP(fake) {row.probability:.2f}"


def draw_confident_errors(
    protocol: str,
    leak: str,
    mistakes: Mapping[str, Sequence[tuple[np.ndarray, str]]],
    shown: int,
) -> Figure:
    """The frames about which each experiment was surest and wrong, a row per experiment.

    `mistakes` holds crops (side, side, 3) uint8 and what to write above them, up to `shown` each.
    """
    figure, panels = plt.subplots(
        len(mistakes),
        shown,
        figsize=(1.5 * shown + 0.6, 0.5 + 1.75 * len(mistakes)),
        squeeze=False,
    )
    for row, (name, found) in zip(panels, mistakes.items(), strict=True):
        for axes in row:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        row[0].set_ylabel(name, fontsize=7)
        if not found:
            row[0].text(0.5, 0.5, "none", ha="center", va="center")
        for axes, (crop, text) in zip(row, found, strict=False):
            axes.imshow(crop)
            axes.set_title(text, fontsize=6, fontweight="normal")
    figure.suptitle(figure_title("Surest mistakes", protocol, leak), fontsize=10)
    return figure


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

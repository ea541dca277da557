"""The run's tables, tab separated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.labels import Label

__all__ = ["OWN", "label_numbers", "own_rows", "read_table"]

NAMES = ("video_id", "video", "group", "unit", "method", "compression", "dataset", "detail")
OWN = "test part"  # where a model was tested, if not on another run: no run has a space in its name


def read_table(path: Path) -> pd.DataFrame:
    """Read a table. Names stay text, whatever they look like ("01", "NA", "null"); only an empty
    cell is missing."""
    types = dict.fromkeys(NAMES, str)
    return pd.read_csv(path, sep="\t", dtype=types, keep_default_na=False, na_values=[""])


def label_numbers(table: pd.DataFrame) -> np.ndarray:
    """The column `label` as 0 (real) and 1 (fake), (n,) int."""
    return (table["label"] == Label.FAKE.word).to_numpy().astype(int)


def own_rows(board: pd.DataFrame) -> pd.DataFrame:
    """The leaderboard's rows of the run's own test part. Those of other runs, under the same
    protocol, don't compare with them."""
    return board[board["tested_on"] == OWN]

"""Read the run's tables (tab-separated)."""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.lib.common.labels import Label

NAMES = ("video_id", "video", "group", "unit", "method", "compression", "dataset", "detail")
OWN = "test part"  # in `tested_on`: the run's own test part; run names have no space


def read_table(path: Path) -> pd.DataFrame:
    """Read a table. Names stay text even if they look like something else ("01", "NA", "null");
    only empty cells are missing."""
    types = dict.fromkeys(NAMES, str)
    return pd.read_csv(path, sep="\t", dtype=types, keep_default_na=False, na_values=[""])


def label_numbers(table: pd.DataFrame) -> np.ndarray:
    """The column `label` as 0 (real) and 1 (fake), (n,) int."""
    return (table["label"] == Label.FAKE.word).to_numpy().astype(int)


def own_rows(board: pd.DataFrame) -> pd.DataFrame:
    """The leaderboard's rows of the run's own test part. Results on other runs are not comparable
    with them."""
    return board[board["tested_on"] == OWN]

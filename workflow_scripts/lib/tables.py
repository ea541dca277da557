"""The run's tables, tab separated."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

__all__ = ["read_table"]

NAMES = ("video_id", "video", "group", "unit", "method", "compression", "dataset", "detail")


def read_table(path: Path) -> pd.DataFrame:
    """Read a table. Names stay text, whatever they look like ("01", "NA", "null"); only an empty
    cell is missing."""
    types = dict.fromkeys(NAMES, str)
    return pd.read_csv(path, sep="\t", dtype=types, keep_default_na=False, na_values=[""])

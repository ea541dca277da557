"""Words that tables use: the two classes, and the demo."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["DEMO", "Label"]

DEMO = "demo"  # the data set of the workflow's own made-up videos


class Label(IntEnum):
    """The two classes. Scores are always the probability of `FAKE`."""

    REAL = 0
    FAKE = 1

    @property
    def word(self) -> str:
        """`real` or `fake`, as people and the manifest write it."""
        return self.name.lower()

"""Words that tables use: the two classes, the demo, and people who are not known."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["DEMO", "UNKNOWN", "Label"]

DEMO = "demo"  # the data set of the workflow's own made-up videos
UNKNOWN = "video:"  # begins the group of videos about whose people nothing is known


class Label(IntEnum):
    """The two classes. Scores are always the probability of `FAKE`."""

    REAL = 0
    FAKE = 1

    @property
    def word(self) -> str:
        """`real` or `fake`, as people and the manifest write it."""
        return self.name.lower()

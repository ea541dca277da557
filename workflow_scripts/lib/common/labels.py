"""Words that tables use: the two classes, the demo, and people who are not known."""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = ["DEMO", "UNKNOWN", "Label", "LeakStatus"]

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


class LeakStatus(StrEnum):
    """What the training and test data of a split share, from the least serious to the worst."""

    NO = "no"
    UNKNOWN = "unknown"  # perhaps a person: some videos show unknown people
    PERSON = "person"
    VIDEO = "video"

"""The two classes, what a split leaks, and the names of the demo's data set and unknown people."""

from enum import IntEnum, StrEnum

DEMO = "demo"  # the data set of the workflow's own synthetic videos
UNKNOWN = "video:"  # prefix of the groups of videos whose people are unknown


class Label(IntEnum):
    """The two classes. Scores are always the probability of `FAKE`."""

    REAL = 0
    FAKE = 1

    @property
    def word(self) -> str:
        """`real` or `fake`, as in the manifest."""
        return self.name.lower()


class LeakStatus(StrEnum):
    """What the training and test data of a split share, from the least serious to the worst."""

    NO = "no"
    UNKNOWN = "unknown"  # perhaps a person: some videos show unknown people
    PERSON = "person"
    VIDEO = "video"

"""What becomes of a video and of each of its frames: the same words for all stages."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["FrameStatus", "VideoStatus"]


class VideoStatus(StrEnum):
    """What became of a video; one status for the whole workflow."""

    OK = "ok"  # every wanted frame was read and gave a crop
    PARTIAL = "partial"  # some sampled frames gave no crop
    TOO_SHORT = "too_short"  # fewer frames than wanted; those that exist are used
    MISSING = "missing"  # no such file
    UNREADABLE = "unreadable"  # no regular file, empty, no permission, or nothing to decode
    TOO_COSTLY = "too_costly"  # decoding it takes more time or memory than a video may
    NO_FACE = "no_face"  # no sampled frame shows a face
    LOW_CONFIDENCE = "low_confidence"  # no face reached the confidence threshold
    TURNED = "turned"  # faces lie on their side or upside down


class FrameStatus(StrEnum):
    """What became of one sampled frame."""

    OK = "ok"
    NO_FACE = "no_face"
    LOW_CONFIDENCE = "low_confidence"
    TURNED = "turned"

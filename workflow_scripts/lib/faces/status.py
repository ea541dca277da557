"""The status of a video and of each of its frames, the same in all stages."""

from enum import StrEnum


class VideoStatus(StrEnum):
    """The status of a video."""

    OK = "ok"  # every requested frame was read and gave a crop
    PARTIAL = "partial"  # some sampled frames gave no crop
    TOO_SHORT = "too_short"  # fewer frames than requested; those that exist are used
    MISSING = "missing"  # no such file
    UNREADABLE = "unreadable"  # not a regular file, empty, no permission, or not decodable
    TOO_COSTLY = "too_costly"  # decoding exceeded the limit on time or memory
    NO_FACE = "no_face"  # no face in any sampled frame
    LOW_CONFIDENCE = "low_confidence"  # no face reached the confidence threshold
    TURNED = "turned"  # faces lie on their side or upside down


class FrameStatus(StrEnum):
    """The status of a sampled frame."""

    OK = "ok"
    NO_FACE = "no_face"
    LOW_CONFIDENCE = "low_confidence"
    TURNED = "turned"

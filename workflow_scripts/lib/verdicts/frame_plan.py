"""Which frames of a video a verdict samples (as in training, or as requested), and what decoding
them may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workflow_scripts.lib.common.errors import UserError

__all__ = ["MAX_NUMBER", "SPREAD", "FramePlan", "check_frame_count", "min_faces", "plan_frames"]

MAX_NUMBER = 1_000_000  # of frames, and of their distance
SPREAD = "spread"  # for `stride`: over the whole video
MIN_FACES = 3  # of one person; a score from fewer varies too much
# What decoding a video for a verdict may take: the defaults of the config's `sampling`, for as many
# frames as there
MAX_SECONDS, MAX_MEMORY_MB = 120, 2000
FRAMES, STRIDE = 7, 30
SPREAD_ALLOWANCE = 10.0  # times that: some hours of video


@dataclass(frozen=True)
class FramePlan:
    """Sample `frames` frames, one every `stride` or, where that is None, over the whole video.

    Decoding them may take `max_seconds` of CPU time and `max_memory_mb` of memory.
    """

    frames: int
    stride: int | None
    max_seconds: int
    max_memory_mb: int

    @property
    def memory_mb(self) -> int:
        """Memory of a job's first attempt: all frames are held, and processed one by one."""
        return max(1500, 1000 + 70 * self.frames)

    @property
    def minutes(self) -> int:
        """Time of a job's first attempt. Few videos need all the time that decoding may take; a
        third attempt has it."""
        return max(3, self.max_seconds // MAX_SECONDS)


def plan_frames(
    frames: int | None, stride: int | str | None, sampling: Mapping[str, int]
) -> FramePlan:
    """Plan which frames to sample: `frames` frames, one every `stride`.

    None takes the value of the model's training (`sampling` of its config); `SPREAD` for `stride`
    spreads the frames over the whole video.
    """
    frames = sampling["frames"] if frames is None else frames
    stride = sampling["stride"] if stride is None else stride
    memory_factor = max(1.0, frames / FRAMES)
    memory_mb = round(MAX_MEMORY_MB * memory_factor)
    if isinstance(stride, str):
        return FramePlan(frames, None, round(MAX_SECONDS * SPREAD_ALLOWANCE), memory_mb)
    time_factor = max(1.0, frames * stride / (FRAMES * STRIDE))
    return FramePlan(frames, stride, round(MAX_SECONDS * time_factor), memory_mb)


def min_faces(training_frames: int) -> int:
    """The fewest faces for a verdict on a person: no more than training had frames of a video."""
    return min(MIN_FACES, training_frames)


def check_frame_count(frames: int | None, sampling: Mapping[str, int]) -> None:
    """Refuse to sample fewer frames than a verdict on a person needs faces.

    Raises
    ------
    UserError
        Says how many are needed.
    """
    needed = min_faces(sampling["frames"])
    if frames is not None and frames < needed:
        raise UserError(
            f"{frames} frames are too few: a verdict on a person needs at least {needed} faces. "
            f"Ask for {needed} frames or more."
        )

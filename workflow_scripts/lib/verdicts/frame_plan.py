"""Which frames of a video a verdict samples (as in training, or as requested), and the limits of
decoding them."""

from collections.abc import Mapping
from dataclasses import dataclass

from workflow_scripts.lib.common.errors import UserError

MAX_NUMBER = 1_000_000  # of frames, and of the stride
SPREAD = "spread"  # as `stride`: over the whole video
MIN_FACES = 3  # of one person; a score from fewer varies too much
# The config's default limits of decoding a video, and its default sampling, which they suit
MAX_SECONDS, MAX_MEMORY_MB = 120, 2000
FRAMES, STRIDE = 7, 30
SPREAD_TIME_FACTOR = 10  # enough for some hours of video


@dataclass(frozen=True)
class FramePlan:
    """Sample `frames` frames at a distance of `stride` or, if that is None, over the whole video.

    Decoding may take `max_seconds` of CPU time and `max_memory_mb` of memory.
    """

    frames: int
    stride: int | None
    max_seconds: int
    max_memory_mb: int

    @property
    def memory_mb(self) -> int:
        """Memory of a job's first attempt: all frames are in memory, and processed one by one."""
        return max(1500, 1000 + 70 * self.frames)

    @property
    def minutes(self) -> int:
        """Minutes of a job's first attempt; a third attempt allows `max_seconds`."""
        return max(3, self.max_seconds // MAX_SECONDS)


def plan_frames(
    frames: int | None, stride: int | str | None, sampling: Mapping[str, int]
) -> FramePlan:
    """Plan to sample `frames` frames at a distance of `stride`.

    None takes the value of the model's training (`sampling` of its config); the stride `SPREAD`
    spreads the frames over the whole video.
    """
    frames = sampling["frames"] if frames is None else frames
    stride = sampling["stride"] if stride is None else stride
    memory_mb = round(MAX_MEMORY_MB * max(1.0, frames / FRAMES))
    if isinstance(stride, str):
        return FramePlan(frames, None, MAX_SECONDS * SPREAD_TIME_FACTOR, memory_mb)
    time_factor = max(1.0, frames * stride / (FRAMES * STRIDE))
    return FramePlan(frames, stride, round(MAX_SECONDS * time_factor), memory_mb)


def min_faces(training_frames: int) -> int:
    """The minimum number of faces for a verdict on a person."""
    return min(MIN_FACES, training_frames)


def check_frame_count(frames: int | None, sampling: Mapping[str, int]) -> None:
    """Check that the requested frames suffice for a verdict on a person.

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

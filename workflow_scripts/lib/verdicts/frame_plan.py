"""Which frames of a video are looked at for a verdict: as many and as far apart as in training, or
as asked; and what decoding them may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.verdicts.decision import least_faces

__all__ = ["MOST", "SPREAD", "Wanted", "check_enough", "wanted_frames"]

MOST = 1_000_000  # frames, and of their distance
SPREAD = "spread"  # for `every`: over the whole video
# What decoding a verdict's video may take: the defaults of the config's `sampling`, for as many
# frames as there
MAX_SECONDS, MAX_MEMORY_MB = 120, 2000
FRAMES, EVERY = 7, 30
SPREAD_ALLOWANCE = 10.0  # times that: some hours of video


@dataclass(frozen=True)
class Wanted:
    """So many `frames`, one every `every` or, where that is None, spread over the whole video.

    Decoding them may take `max_seconds` of CPU time and `max_memory_mb` of memory.
    """

    frames: int
    every: int | None
    max_seconds: int
    max_memory_mb: int

    @property
    def memory_mb(self) -> int:
        """What a verdict is given at first: the frames are held, and looked at one by one."""
        return max(1500, 1000 + 70 * self.frames)

    @property
    def minutes(self) -> int:
        """What a verdict is given at first. Few videos need all the time that decoding may take: a
        third attempt has it."""
        return max(3, self.max_seconds // MAX_SECONDS)


def wanted_frames(
    frames: int | None, every: int | str | None, trained: Mapping[str, int]
) -> Wanted:
    """What is wanted where `frames`, one every `every`, are asked for.

    None takes what the model was `trained` with (its config's `sampling`); `SPREAD` for `every`
    spreads the frames over the whole video.
    """
    frames = trained["frames"] if frames is None else frames
    every = trained["every"] if every is None else every
    larger = max(1.0, frames / FRAMES)
    memory_mb = round(MAX_MEMORY_MB * larger)
    if isinstance(every, str):
        return Wanted(frames, None, round(MAX_SECONDS * SPREAD_ALLOWANCE), memory_mb)
    longer = max(1.0, frames * every / (FRAMES * EVERY))
    return Wanted(frames, every, round(MAX_SECONDS * longer), memory_mb)


def check_enough(frames: int | None, trained: Mapping[str, int]) -> None:
    """Refuse to judge by fewer frames than a person's faces have to be.

    Raises
    ------
    UserError
        Says how many are needed.
    """
    least = least_faces(trained["frames"])
    if frames is not None and frames < least:
        raise UserError(
            f"{frames} frames are too few: nobody is judged by fewer than {least} faces. Ask for "
            f"{least} frames or more."
        )

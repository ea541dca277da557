"""Which frames of a video are looked at for a verdict: as many and as far apart as in training, or
as asked; and how much more than in training that may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workflow_scripts.lib.run import UserError
from workflow_scripts.lib.verdict import least_faces

__all__ = ["MOST", "SPREAD", "Wanted", "check_enough", "wanted_frames"]

MOST = 1_000_000  # frames, and of their distance
SPREAD = "spread"  # for `every`: over the whole video
SPREAD_ALLOWANCE = 10.0  # times what decoding may take in training: some hours of video


@dataclass(frozen=True)
class Wanted:
    """So many `frames`, one every `every` or, where that is None, spread over the whole video.

    Against training, decoding may take `longer` times the time and `larger` times the memory; both
    are 1 or more.
    """

    frames: int
    every: int | None
    longer: float
    larger: float

    @property
    def memory_mb(self) -> int:
        """What a verdict is given at first: the frames are held, and looked at one by one."""
        return max(1500, 1000 + 70 * self.frames)

    @property
    def minutes(self) -> int:
        """What a verdict is given at first. Few videos need all the time that decoding may take: a
        third attempt has it."""
        return round(max(3.0, self.longer))


def wanted_frames(
    frames: int | None, every: int | str | None, trained: Mapping[str, int]
) -> Wanted:
    """What is wanted where `frames`, one every `every`, are asked for.

    None takes what the model was `trained` with (its config's `sampling`); `SPREAD` for `every`
    spreads the frames over the whole video.
    """
    frames = trained["frames"] if frames is None else frames
    every = trained["every"] if every is None else every
    larger = frames / trained["frames"]
    if isinstance(every, str):
        return Wanted(frames, None, SPREAD_ALLOWANCE, max(1.0, larger))
    return Wanted(frames, every, max(1.0, larger * every / trained["every"]), max(1.0, larger))


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

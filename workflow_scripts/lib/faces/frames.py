"""The sampled frames of one video, and the file that holds them until faces are cropped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.faces.status import VideoStatus


@dataclass(frozen=True)
class Frame:
    """A frame (height, width, 3) uint8 RGB, upright, `time_s` seconds into the video.

    `index` counts the decoded frames from 0.
    """

    index: int
    time_s: float
    pixels: np.ndarray


@dataclass(frozen=True)
class SampledVideo:
    """The sampled frames of a video, in order.

    `detail` says what is wrong and what to do; it is empty if the status is `ok`. `note` is further
    information for the user. `declared` is the number of frames in the video, as its container
    declares it if that agrees with the duration, otherwise counted. `bits_per_pixel` is the size of
    the file, sound included, per pixel of all frames. `fps`, `declared` and `bits_per_pixel` are 0
    if unknown, `bits_per_pixel` also if frames are missing, because the file may be truncated.
    """

    status: VideoStatus
    detail: str
    fps: float
    frames: tuple[Frame, ...]
    declared: int = 0
    bits_per_pixel: float = 0.0
    note: str = ""


def save_frames(path: Path, video: SampledVideo, cache_key: str = "") -> None:
    """Write a sampled video as an uncompressed `.npz`; equal videos give equal bytes.

    Arrays: cache_key, the key of its crops in the cache (empty without a cache), status, detail,
    note (str) · fps, bits_per_pixel (float64) · declared (int64) · index (n,) int64 · time_s (n,)
    float64 · and, since sizes may differ, one (height, width, 3) uint8 per frame: pixels_0,
    pixels_1, ...
    """
    pixels: dict[str, Any] = {f"pixels_{i}": f.pixels for i, f in enumerate(video.frames)}
    with atomic_write(path) as temporary, temporary.open("wb") as out:
        np.savez(
            out,
            cache_key=cache_key,
            status=video.status.value,
            detail=video.detail,
            fps=video.fps,
            declared=video.declared,
            bits_per_pixel=video.bits_per_pixel,
            note=video.note,
            index=np.array([frame.index for frame in video.frames], np.int64),
            time_s=np.array([frame.time_s for frame in video.frames], np.float64),
            **pixels,
        )


def load_frames(path: Path) -> SampledVideo:
    """Read what `save_frames` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        positions = zip(arrays["index"].tolist(), arrays["time_s"].tolist(), strict=True)
        return SampledVideo(
            status=VideoStatus(str(arrays["status"])),
            detail=str(arrays["detail"]),
            fps=float(arrays["fps"]),
            frames=tuple(
                Frame(*position, arrays[f"pixels_{i}"]) for i, position in enumerate(positions)
            ),
            declared=int(arrays["declared"]),
            bits_per_pixel=float(arrays["bits_per_pixel"]),
            note=str(arrays["note"]),
        )


def load_cache_key(path: Path) -> str:
    """Read the cache key that `save_frames` was given."""
    with np.load(path, allow_pickle=False) as arrays:
        return str(arrays["cache_key"])

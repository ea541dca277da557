"""The sampled frames of one video, as the sampling hands them on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.faces.status import VideoStatus

__all__ = ["Frame", "SampledVideo", "load_cache_key", "load_frames", "save_frames"]


@dataclass(frozen=True)
class Frame:
    """A sampled picture: (height, width, 3) uint8 RGB, upright, `time_s` seconds into the video.

    `index` counts the frames that the decoder gave, from 0.
    """

    index: int
    time_s: float
    pixels: np.ndarray


@dataclass(frozen=True)
class SampledVideo:
    """The frames of a video, in order. `detail` is a sentence for people on what is wrong and what
    to do; empty when the status is `ok`. `note` is what else they should know. `declared` is how
    many frames there are, by what the container says where that fits its duration, else counted;
    `bits_per_pixel` the file's size, sound included, by all their pixels. These and `fps` are 0
    where nobody knows, and where frames are missing, since the file may be cut."""

    status: VideoStatus
    detail: str
    fps: float
    frames: tuple[Frame, ...]
    declared: int = 0
    bits_per_pixel: float = 0.0
    note: str = ""


def save_frames(path: Path, video: SampledVideo, cache_key: str = "") -> None:
    """Write a sampled video as an uncompressed `.npz`; equal videos give equal bytes.

    Arrays: cache_key, the name of its faces in the cache (empty: there is no cache), status,
    detail, note (str) · fps, bits_per_pixel (float64) · declared (int64) · index (n,) int64 ·
    time_s (n,) float64 · and, since sizes may differ, one (height, width, 3) uint8 per frame:
    pixels_0, pixels_1, ...
    """
    pixels: dict[str, Any] = {f"pixels_{i}": f.pixels for i, f in enumerate(video.frames)}
    with atomic_write(path) as aside, aside.open("wb") as out:
        np.savez(
            out,
            cache_key=np.array(cache_key),
            status=np.array(video.status.value),
            detail=np.array(video.detail),
            fps=np.array(video.fps, np.float64),
            declared=np.array(video.declared, np.int64),
            bits_per_pixel=np.array(video.bits_per_pixel, np.float64),
            note=np.array(video.note),
            index=np.array([frame.index for frame in video.frames], np.int64),
            time_s=np.array([frame.time_s for frame in video.frames], np.float64),
            **pixels,
        )


def load_frames(path: Path) -> SampledVideo:
    """Read what `save_frames` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        places = zip(arrays["index"].tolist(), arrays["time_s"].tolist(), strict=True)
        return SampledVideo(
            status=VideoStatus(str(arrays["status"])),
            detail=str(arrays["detail"]),
            fps=float(arrays["fps"]),
            frames=tuple(
                Frame(index, time_s, arrays[f"pixels_{i}"])
                for i, (index, time_s) in enumerate(places)
            ),
            declared=int(arrays["declared"]),
            bits_per_pixel=float(arrays["bits_per_pixel"]),
            note=str(arrays["note"]),
        )


def load_cache_key(path: Path) -> str:
    """Read the cache key that `save_frames` was given."""
    with np.load(path, allow_pickle=False) as arrays:
        return str(arrays["cache_key"])

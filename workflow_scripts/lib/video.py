"""Sampled frames of one video: decoded in order, never further than the last wanted one.

Frame counts and seek positions that containers report can be wrong, so frames are counted as they
come out of the decoder, and only the wanted ones are converted to RGB.

Videos are untrusted. The decoder is given an absolute path to a regular file and may open nothing
but local files in the containers of `CONTAINERS`: a playlist that is called `.mp4` could otherwise
make it read other files or addresses. It runs in a child process with limits on time and memory,
which it may crash. What is wrong with a video is returned as a status and a sentence, not raised.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from workflow_scripts.lib.limits import CrashedError, TooCostlyError, memory_left, run_limited
from workflow_scripts.lib.run import written_aside

__all__ = [
    "Frame",
    "SampledVideo",
    "VideoStatus",
    "load_cache_key",
    "load_frames",
    "sample_frames",
    "sample_to_file",
    "save_frames",
]

# Demuxers of FFmpeg that hold the video themselves. Playlists (hls, concat, dash), still pictures,
# text (tty) and raw streams, which match too easily what is no video, are left out.
CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mxf"
ENVIRONMENT = {  # what OpenCV reads when it opens a file; None: must not be set
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": f"protocol_whitelist;file|format_whitelist;{CONTAINERS}",
    # what FFmpeg prints is all that tells of some failures
    "OPENCV_FFMPEG_DEBUG": None,
    "OPENCV_FFMPEG_LOGLEVEL": None,
}
MAX_PIXELS = 8192 * 4320  # a frame of DCI 8K; a small file can claim far more and fill the memory
MAX_SIDE = 32766  # OpenCV's own limit where the detector resamples
MAX_FPS = 1000.0  # more is a broken header
MAX_FRAMES = 100_000_000  # so is more than this, 19 days at 60 frames per second
OUT_OF_MEMORY = re.compile(r"allocate memory|get_buffer\(\) failed")  # FFmpeg goes on without
UNCONVERTED = re.compile(r"Cannot convert interlaced")
MAX_FAILED_GRABS = 100  # each loses one damaged packet; at the end of a video they cost nothing


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
    to do; empty when the status is `ok`. `declared` is how many frames there are by what the
    container says, `bits_per_pixel` the file's size, sound included, by all their pixels; these and
    `fps` are 0 where nobody knows, the bits also where frames are missing: the file may be cut."""

    status: VideoStatus
    detail: str
    fps: float
    frames: tuple[Frame, ...]
    declared: int = 0
    bits_per_pixel: float = 0.0


def sample_to_file(
    path: Path,
    output: Path,
    count: int,
    step: int | None,
    max_seconds: int,
    max_memory_mb: int,
    remedy: str,
    cache_key: str = "",
) -> None:
    """`sample_frames` and `save_frames` in a child process that may take `max_seconds` of CPU time
    and `max_memory_mb` of memory. If it takes more, or crashes, that is what `output` says;
    `remedy` is how to allow more, or to need less, where it takes more."""

    def sample() -> None:
        save_frames(output, sample_frames(path, count, step), cache_key)

    name = repr(str(path))
    try:
        run_limited(sample, max_seconds, max_memory_mb)
    except TooCostlyError as error:
        detail = (
            f"{name} takes {error} to decode: scale it down, convert it to H.264 in MP4, or "
            f"{remedy}."
        )
        save_frames(output, SampledVideo(VideoStatus.TOO_COSTLY, detail, 0.0, ()))
    except CrashedError as error:
        detail = f"{name} crashes the decoder ({error}): convert it to H.264 in MP4."
        save_frames(output, _unreadable(detail))


def sample_frames(path: Path, count: int, step: int | None) -> SampledVideo:
    """Read the frames 0, step, 2*step, ... of a video: `count` of them. Without `step` they are
    spread over the whole video, as long as its container says it is: one from the middle of each of
    `count` equal parts.

    A wanted frame that can't be decoded is replaced by the next one that can. Rotation metadata is
    applied; greyscale, 10-bit and alpha become 8-bit RGB. Frames whose size differs from the first
    one's are scaled to it. Times are the container's where they are sane, else index / fps.

    One thread decodes: how FFmpeg fills in damaged places depends on their number, and with a job
    per video more threads only cost.

    Raises MemoryError where memory is limited and the video needs more.

    What FFmpeg prints is held back by redirecting the process's stderr meanwhile, so call this from
    one thread at a time.
    """
    if min(count, 1 if step is None else step) < 1:
        raise ValueError(f"count and step must be 1 or more: {count}, {step}.")
    if refused := _refuse(path):
        return refused
    name = repr(str(path))
    try:
        with _captured_stderr() as messages, _opened(path) as capture:
            if not capture.isOpened():
                cause = (_said(messages) or ["no video stream found"])[-1]
                return _unreadable(
                    f"{name} holds no video that can be decoded ({cause}): "
                    "fetch it again, or convert it to H.264 in MP4."
                )
            width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
            height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
                return _unreadable(
                    f"{name} has frames of {width}x{height} pixels; up to {MAX_PIXELS} pixels and "
                    f"{MAX_SIDE} a side are read: scale it down."
                )
            fps = _sane_fps(capture.get(cv2.CAP_PROP_FPS))
            declared = _sane_length(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            if step is None and not declared:
                return _unreadable(
                    f"{name} does not say how long it is, so frames cannot be spread over it: "
                    "give their distance, or convert it to MP4."
                )
            wanted = _wanted(count, step, declared)
            frames, decoded = _decode(capture, wanted, fps)
            said = _said(messages)
            # OpenCV 5.0 then hands out memory that nothing was written to, and says it went well
            if UNCONVERTED.search("\n".join(said)):
                return _unreadable(
                    f"{name} is interlaced, which the decoder can't read: convert it, for example "
                    "with `ffmpeg -i OLD -vf yadif NEW.mp4`."
                )
            if len(frames) < count and _memory_lacked(said, width * height):
                raise MemoryError
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        return _unreadable(f"{name} can't be decoded ({error.err}): convert it to H.264 in MP4.")
    if not frames:
        cause = f" ({said[0]})" if said else ""
        return _unreadable(
            f"No frame of {name} could be decoded{cause}: "
            "fetch it again, or convert it to H.264 in MP4."
        )
    if len(frames) < count:
        places = f"one every {step}" if step else f"spread over {declared}"
        detail = (
            f"{name} gave {len(frames)} of {count} frames, {places}, since only {decoded} "
            "could be decoded: it is short or damaged; use a longer or undamaged copy."
        )
        return SampledVideo(VideoStatus.TOO_SHORT, detail, fps, frames, declared)
    pixels = width * height * declared
    bits_per_pixel = round(8 * path.stat().st_size / pixels, 6) if pixels else 0.0
    return SampledVideo(VideoStatus.OK, "", fps, frames, declared, bits_per_pixel)


def _wanted(count: int, step: int | None, declared: int) -> Sequence[int]:
    """Which frames are wanted, counted from 0. Spread, they are the middles of equal parts: the
    very last frame is often not there."""
    if step is not None:
        return range(0, count * step, step)
    return [(2 * i + 1) * declared // (2 * count) for i in range(count)]


def _memory_lacked(said: list[str], pixels: int) -> bool:
    """Tell whether a decoder that fell short has wanted for memory: FFmpeg said so, as it does not
    always, or there was too little left for some frames more."""
    return bool(OUT_OF_MEMORY.search("\n".join(said))) or memory_left() < 4 * 3 * pixels


def save_frames(path: Path, video: SampledVideo, cache_key: str = "") -> None:
    """Write a sampled video as an uncompressed `.npz`; equal videos give equal bytes.

    Arrays: cache_key, the name of its faces in the cache (empty: there is no cache), status, detail
    (str) · fps, bits_per_pixel (float64) · declared (int64) · index (n,) int64 · time_s (n,)
    float64 · and, since sizes may differ, one (height, width, 3) uint8 per frame: pixels_0,
    pixels_1, ...
    """
    pixels: dict[str, Any] = {f"pixels_{i}": f.pixels for i, f in enumerate(video.frames)}
    with written_aside(path) as aside, aside.open("wb") as out:
        np.savez(
            out,
            cache_key=np.array(cache_key),
            status=np.array(video.status.value),
            detail=np.array(video.detail),
            fps=np.array(video.fps, np.float64),
            declared=np.array(video.declared, np.int64),
            bits_per_pixel=np.array(video.bits_per_pixel, np.float64),
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
        )


def load_cache_key(path: Path) -> str:
    """Read the cache key that `save_frames` was given."""
    with np.load(path, allow_pickle=False) as arrays:
        return str(arrays["cache_key"])


def _unreadable(detail: str) -> SampledVideo:
    return SampledVideo(VideoStatus.UNREADABLE, detail, 0.0, ())


def _refuse(path: Path) -> SampledVideo | None:
    """Why a path must not be given to the decoder; None where it may."""
    name = repr(str(path))
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # to open a FIFO is to wait for a writer
            return _unreadable(f"{name} is not a regular file: give the path of a video file.")
        if found.st_size == 0:
            return _unreadable(f"{name} is empty: fetch it again.")
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        detail = f"{name} does not exist: correct the path, or fetch the file."
        return SampledVideo(VideoStatus.MISSING, detail, 0.0, ())
    except OSError as error:
        return _unreadable(
            f"{name} can't be read ({error.strerror}): "
            "let this user read the file and enter its folders."
        )
    return None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video with FFmpeg, held to local files and to `CONTAINERS`."""
    with _environment(ENVIRONMENT):
        # Bytes: OpenCV crashes on a str with a byte that is not UTF-8.
        encoded: Any = os.fsencode(path.absolute())
        capture = cv2.VideoCapture(encoded, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        yield capture
    finally:
        capture.release()


@contextlib.contextmanager
def _environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables, or unset those that are None, and put them back at the end."""
    before = {name: os.environ.get(name) for name in variables}
    try:
        _set(variables)
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _decode(
    capture: cv2.VideoCapture, wanted: Sequence[int], fps: float
) -> tuple[tuple[Frame, ...], int]:
    """The wanted frames, and how many were decoded to get them."""
    frames: list[Frame] = []
    decoded = failed = 0
    while len(frames) < len(wanted) and failed < MAX_FAILED_GRABS:
        if not capture.grab():
            failed += 1
            continue
        failed = 0
        if decoded >= wanted[len(frames)]:
            retrieved, bgr = capture.retrieve()
            if retrieved:
                told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                earlier = frames[-1].time_s if frames else -math.inf
                time_s = _time_s(told, decoded, fps, earlier)
                frames.append(Frame(decoded, time_s, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)))
        decoded += 1
    return tuple(frames), decoded


def _time_s(told: float, index: int, fps: float, earlier: float) -> float:
    """The container's time where it is sane and later than `earlier`, else index / fps, s; 0.0
    where neither is known."""
    if math.isfinite(told) and told >= 0 and told > earlier:
        return told
    return index / fps if fps else 0.0


def _sane_fps(fps: float) -> float:
    return fps if 0 < fps <= MAX_FPS else 0.0


def _sane_length(frames: float) -> int:
    return int(frames) if 0 < frames <= MAX_FRAMES else 0


@contextlib.contextmanager
def _captured_stderr() -> Iterator[IO[bytes]]:
    """Collect what native code prints: FFmpeg tells the cause of a failure nowhere else."""
    with tempfile.TemporaryFile() as messages:
        screen = os.dup(2)
        os.dup2(messages.fileno(), 2)
        try:
            yield messages
        finally:
            os.dup2(screen, 2)
            os.close(screen)


def _said(messages: IO[bytes]) -> list[str]:
    """What FFmpeg printed, without the addresses in memory before each message."""
    messages.seek(0)
    found = re.findall(rb"^(?:\[\w[^\]]* @ 0x[0-9a-f]+\] )+(.+)$", messages.read(), re.MULTILINE)
    texts = (message.decode(errors="replace")[:200] for message in found)
    return ["".join(letter for letter in text if letter.isprintable()) for text in texts]

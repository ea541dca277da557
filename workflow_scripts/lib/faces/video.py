"""Sampled frames of one video, as a player shows them: decoded in order, never further than the
last wanted one.

Lengths, rates and times that containers report can be wrong, so frames are counted as they come out
of the decoder, and only the requested ones are converted to RGB. The display matrix is applied,
pixels are made square, interlaced frames are deinterlaced, and frames hidden by an edit list do not
count.

Videos are untrusted. The decoder is given an open file, no name: it may open nothing itself, and
reads only the containers of `CONTAINERS`; a playlist that is called `.mp4` could otherwise make it
read other files or addresses. It runs in a child process with limits on time and memory, which it
may crash. What is wrong with a video is returned as a status and a sentence, not raised.
"""

from __future__ import annotations

import contextlib
import math
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.stream import Discard, Disposition
from av.video.reformatter import Interpolation

from workflow_scripts.lib.faces.frames import Frame, SampledVideo, save_frames
from workflow_scripts.lib.faces.sandbox import (
    CrashedError,
    TooCostlyError,
    memory_left,
    run_limited,
)
from workflow_scripts.lib.faces.status import VideoStatus

__all__ = ["sample_frames", "sample_to_file"]

# Demuxers of FFmpeg that hold the video themselves. Playlists (hls, concat, dash), still pictures,
# text (tty) and raw streams, which match too easily what is no video, are left out.
CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mxf"
OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": "none"}  # a protocol of no name
BUFFER_BYTES = 2**18
MAX_PIXELS = 8192 * 4320  # a frame of DCI 8K; a small file can claim far more and fill the memory
MAX_SIDE = 32766  # OpenCV's own limit where the detector resamples
MAX_FPS = 1000.0  # more is a broken header
LIKELY_LOST = 0.1  # of a video's frames
MAX_FAILED = 100  # packets in a row; at the end of a video they cost nothing
LITTLE_MEMORY = 50e6  # bytes; where more is left, a header asked for an absurd amount
MAX_MESSAGES = 100  # of FFmpeg, of which a hostile file can have any number
ALMOST_SQUARE = 0.01  # pixels whose sides differ by less are taken for square
OUT_OF_MEMORY = re.compile("allocate memory")  # FFmpeg may go on without


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
    spread over the whole video: one from the middle of each of `count` equal parts.

    A wanted frame that can't be decoded is replaced by the next one that can. Pictures come as a
    player shows them, upright and with square pixels; greyscale, 10-bit and alpha become 8-bit RGB;
    frames whose size changes on the way keep their shape. Times are the container's, from the first
    frame on, where they are sane, else index / fps. Of several video streams the default one is
    taken.

    One thread decodes: how FFmpeg fills in damaged places depends on their number, and with a job
    per video more threads only cost.

    Raises MemoryError where memory is limited and the video needs more.
    """
    if min(count, 1 if step is None else step) < 1:
        raise ValueError(f"count and step must be 1 or more: {count}, {step}.")
    if refused := _refuse(path):
        return refused
    with _captured_messages() as messages:
        try:
            with _opened(path) as container:
                return _sample(path, container, count, step, messages)
        except MemoryError:
            raise
        except av.FFmpegError as error:
            cause = (_texts(messages) or [error.strerror or type(error).__name__])[-1]
            return _unreadable(
                f"{str(path)!r} holds no video that can be decoded ({cause}): "
                "fetch it again, or convert it to H.264 in MP4."
            )


def _sample(
    path: Path,
    container: av.container.InputContainer,
    count: int,
    step: int | None,
    messages: list[Any],
) -> SampledVideo:
    name = repr(str(path))
    stream, note = _shown_stream(container)
    if stream is None:
        cause = (_texts(messages) or ["no video stream found"])[-1]
        return _unreadable(
            f"{name} holds no video that can be decoded ({cause}): "
            "fetch it again, or convert it to H.264 in MP4."
        )
    if stream.codec_context is None:
        return _unreadable(
            f"{name} is of a format that is not known here: convert it to H.264 in MP4."
        )
    shape = _square(stream.width, stream.height, stream.sample_aspect_ratio)
    if _too_large(*shape):
        return _unreadable(
            f"{name} has frames of {shape[0]}x{shape[1]} pixels; up to {MAX_PIXELS} pixels and "
            f"{MAX_SIDE} a side are read: scale it down."
        )
    declared = 0
    if step is None and not (declared := _length(path, stream)):
        return _unreadable(
            f"No frame of {name} could be found: fetch it again, or convert it to H.264 in MP4."
        )
    try:
        found = _decode(container, stream, _wanted(count, step, declared), messages)
    except _EncryptedError:
        return _unreadable(
            f"{name} is encrypted: only its publisher's player can show it. Use a copy that is not."
        )
    said = _texts(messages)
    if len(found.frames) < count and _memory_lacked(said, stream.width * stream.height):
        raise MemoryError
    if not found.frames:
        cause = f" ({said[0]})" if said else ""
        return _unreadable(
            f"No frame of {name} could be decoded{cause}: "
            "fetch it again, or convert it to H.264 in MP4."
        )
    declared = declared or _length(path, stream)
    if len(found.frames) < count:
        places = f"one every {step}" if step else f"spread over {declared}"
        detail = (
            f"{name} gave {len(found.frames)} of {count} frames, {places}, since only "
            f"{found.decoded} could be decoded: it is short or damaged; use a longer or undamaged "
            "copy."
        )
        status = VideoStatus.TOO_SHORT
        return SampledVideo(status, detail, found.fps, found.frames, declared, note=note)
    pixels = stream.width * stream.height * declared
    bits_per_pixel = round(8 * path.stat().st_size / pixels, 6) if pixels else 0.0
    return SampledVideo(VideoStatus.OK, "", found.fps, found.frames, declared, bits_per_pixel, note)


class _EncryptedError(Exception):
    """What is to be decoded is encrypted."""


def _shown_stream(
    container: av.container.InputContainer,
) -> tuple[av.VideoStream | None, str]:
    """The video stream that a player shows, and what is to be said of others; covers of music are
    none."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    default = [stream for stream in streams if stream.disposition & Disposition.default]
    chosen = next(iter(default or streams), None)
    for stream in container.streams:
        if stream is not chosen:
            stream.discard = Discard.all
    if len(streams) < 2 or chosen is None:
        return chosen, ""
    number = streams.index(chosen) + 1
    return chosen, (
        f"The file has {len(streams)} videos. Number {number}, which players show, was looked at."
    )


def _square(width: int, height: int, ratio: Fraction | None) -> tuple[int, int]:
    """The size of a picture whose pixels are `ratio` times as wide as high, once they are square.
    It is only ever enlarged."""
    if not ratio or abs(ratio - 1) <= ALMOST_SQUARE:
        return width, height
    return (round(width * ratio), height) if ratio > 1 else (width, round(height / ratio))


def _too_large(width: int, height: int) -> bool:
    return width * height > MAX_PIXELS or max(width, height) > MAX_SIDE


def _length(path: Path, stream: av.VideoStream) -> int:
    """How many frames a player shows: what the container says, where that fits its own duration,
    else counted, which takes reading the whole file."""
    told, rate = stream.frames, stream.average_rate
    if told and rate and stream.duration and stream.time_base:
        seconds = stream.duration * stream.time_base
        if abs(told - seconds * rate) <= 1 + told / 100:
            return told
    counted = 0
    with _opened(path) as container:
        packets = container.demux(container.streams[stream.index])
        with contextlib.suppress(av.FFmpegError):  # as far as the file is whole
            for packet in packets:
                counted += packet.size > 0 and not packet.is_discard
    return counted


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
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a video, held to `CONTAINERS`. The open file has no name, which could mean something."""
    with path.open("rb") as file:
        try:
            container = av.open(
                file,
                "r",
                container_options=OPTIONS,
                metadata_errors="replace",
                buffer_size=BUFFER_BYTES,
            )
        except av.error.MemoryError as error:
            if memory_left() < LITTLE_MEMORY:
                raise
            raise av.error.InvalidDataError(error.errno or 0, "its header is damaged") from error
        with container:
            yield container


@dataclass(frozen=True)
class _Decoded:
    """The wanted frames, how many were decoded to get them, and their rate (0 where unknown)."""

    frames: tuple[Frame, ...]
    decoded: int
    fps: float


def _decode(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    wanted: Sequence[int],
    messages: list[Any],
) -> _Decoded:
    context = stream.codec_context
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS)}  # before the memory is taken
    told = _sane_fps(stream.average_rate)
    frames: list[Frame] = []
    decoded, start = 0, None
    for shown in _deinterlaced(_frames(container, stream, messages)):
        start = shown.time if start is None else start
        shape = _square(shown.width, shown.height, stream.sample_aspect_ratio)
        if _too_large(*shape):
            continue
        if decoded >= wanted[len(frames)]:
            since = math.nan if shown.time is None or start is None else shown.time - start
            earlier = frames[-1].time_s if frames else -math.inf
            time_s = _time_s(since, decoded, told, earlier)
            frames.append(Frame(decoded, time_s, _picture(shown, shape)))
        decoded += 1
        if len(frames) == len(wanted):
            break
    return _Decoded(tuple(frames), decoded, _measured_fps(frames, told))


def _frames(
    container: av.container.InputContainer, stream: av.VideoStream, messages: list[Any]
) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded, in the order in which they are shown."""
    failed = 0
    packets = container.demux(stream)
    while failed < MAX_FAILED:
        del messages[MAX_MESSAGES:]
        try:
            packet = next(packets, None)
            if packet is None:
                return
            if packet.has_sidedata("encryption_info"):
                raise _EncryptedError
            frames = packet.decode()
        except MemoryError:
            raise
        except av.FFmpegError:
            failed += 1
            packets = container.demux(stream)  # it goes on where it was
            continue
        failed = 0
        yield from frames


def _deinterlaced(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The same frames, those that consist of two fields deinterlaced by FFmpeg's `bwdif`. It looks
    at the frames beside each, so from the first interlaced frame on all of them pass through it."""
    graph, shape = None, None
    for frame in frames:
        if graph and shape != (frame.width, frame.height, frame.format.name):
            yield from _filtered(graph, None)
            graph = None
        if graph is None and frame.interlaced_frame:
            graph, shape = _bwdif(frame), (frame.width, frame.height, frame.format.name)
        yield from _filtered(graph, frame) if graph else (frame,)
    if graph:
        yield from _filtered(graph, None)


def _bwdif(frame: av.VideoFrame) -> Graph:
    """A filter graph that deinterlaces frames like this one and keeps their number."""
    graph = Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        ),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _filtered(graph: Graph, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
    """The frames that a filter graph gives for one more frame; None ends its input."""
    graph.push(frame)
    with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            yield graph.vpull()


def _picture(frame: av.VideoFrame, shape: tuple[int, int]) -> np.ndarray:
    """A frame as a player shows it, scaled to the `shape` width, height and turned: uint8 RGB."""
    width, height = shape
    # BICUBIC and nothing else: the pixels that OpenCV's reader gives
    rgb = frame.reformat(
        width, height, "rgb24", interpolation=Interpolation.BICUBIC, threads=1
    ).to_ndarray()
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is not None:
        rgb = _turned(rgb, np.frombuffer(matrix, np.int32))
    return np.ascontiguousarray(rgb)


def _turned(rgb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A picture turned and mirrored by a display matrix (9,) int32, to the nearest quarter: x goes
    to (a x + c y), y to (b x + d y)."""
    a, b, _, c, d = matrix[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        rgb = rgb.transpose(1, 0, 2)
        across, down = c, b
    return rgb[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def _time_s(told: float, index: int, fps: float, earlier: float) -> float:
    """The container's time where it is sane and later than `earlier`, else index / fps, s; 0.0
    where neither is known."""
    if math.isfinite(told) and told >= 0 and told > earlier:
        return told
    return index / fps if fps else 0.0


def _measured_fps(frames: Sequence[Frame], told: float) -> float:
    """Frames per second between the first and the last sampled frame, where what the container has
    `told` is far from that; a few frames may be lost."""
    if len(frames) < 2 or frames[-1].time_s <= frames[0].time_s:
        return told
    gone = frames[-1].index - frames[0].index
    measured = _sane_fps(gone / (frames[-1].time_s - frames[0].time_s))
    return told if abs(told - measured) <= LIKELY_LOST * measured else measured


def _sane_fps(fps: float | Fraction | None) -> float:
    return float(fps) if fps and 0 < fps <= MAX_FPS else 0.0


@contextlib.contextmanager
def _captured_messages() -> Iterator[list[Any]]:
    """Collect what FFmpeg says: it tells the cause of a failure nowhere else."""
    level, skipping = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # what an earlier video had said is not said again
    try:
        with av.logging.Capture() as messages:
            yield messages
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skipping)


def _texts(messages: Sequence[Any]) -> list[str]:
    """FFmpeg's messages, each a line."""
    lines = (text.strip()[:200] for _, _, text in messages)
    return ["".join(letter for letter in line if letter.isprintable()) for line in lines if line]

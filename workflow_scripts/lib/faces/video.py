"""Sample frames of a video as a player shows them, decoding in order up to the last requested one.

Containers can declare wrong lengths, rates and times, so frames are counted as the decoder returns
them, and only the requested ones are converted to RGB. The display matrix is applied, pixels are
made square, interlaced frames are deinterlaced, and frames hidden by an edit list do not count.

Videos are untrusted. The decoder gets an open file, not a name: it can open nothing itself, and
reads only the containers of `CONTAINERS`. (A playlist named `.mp4` could otherwise make it read
other files or addresses.) It runs in a child process with limits on time and memory, and may crash
there. A bad video gives a status and a sentence, not an exception.
"""

import contextlib
import math
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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

# FFmpeg's demuxers of self-contained videos. Left out are playlists (hls, concat, dash), still
# pictures, text (tty) and raw streams, which match too many files that are not videos.
CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mxf"
OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": "none"}
BUFFER_BYTES = 2**18
MAX_PIXELS = 8192 * 4320  # a DCI 8K frame; a small file can declare more and fill the memory
MAX_SIDE = 32766  # OpenCV's limit when the detector resizes
MAX_FPS = 1000.0  # more is a broken header
FPS_TOLERANCE = 0.1  # relative; some frames may be lost
MAX_FAILED_PACKETS = 100  # in a row
MIN_FREE_MEMORY = 50e6  # bytes; if more is free, a header asked for an absurd amount
MAX_MESSAGES = 100  # of FFmpeg; a hostile file can cause any number
ALMOST_SQUARE = 0.01  # a pixel aspect ratio this close to 1 is ignored
OUT_OF_MEMORY = re.compile("allocate memory")  # FFmpeg may continue without


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
    """Run `sample_frames` and `save_frames` in a child process limited to `max_seconds` of CPU time
    and `max_memory_mb` of memory. If it exceeds a limit or crashes, `output` records that;
    `remedy` says how to allow more."""

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
    """Read the frames 0, step, 2 * step, ... of a video: `count` of them. Without `step` they are
    spread over the whole video: one from the middle of each of `count` equal parts.

    A requested frame that cannot be decoded is replaced by the next one that can. Frames are
    upright, with square pixels; greyscale, 10-bit and alpha become 8-bit RGB; frames whose size
    changes within the video keep their shape. Times count from the first frame and are the
    container's where plausible, otherwise index / fps. Of several video streams the default one is
    used.

    Decoding uses one thread: how FFmpeg conceals errors depends on the number of threads.

    Raises
    ------
    MemoryError
        Memory is limited and the video needs more.
    ValueError
        `count` or `step` is less than 1.
    """
    if count < 1 or (step is not None and step < 1):
        raise ValueError(f"count and step must be 1 or more: {count}, {step}.")
    if refused := _refuse(path):
        return refused
    with _captured_messages() as messages:
        try:
            with _open(path) as container:
                return _sample(path, container, count, step, messages)
        except MemoryError:
            raise
        except av.FFmpegError as error:
            return _no_video(path, messages, error.strerror or type(error).__name__)


def _sample(
    path: Path,
    container: av.container.InputContainer,
    count: int,
    step: int | None,
    messages: list[Any],
) -> SampledVideo:
    name = repr(str(path))
    stream, note = _default_stream(container)
    if stream is None:
        return _no_video(path, messages, "no video stream found")
    if stream.codec_context is None:
        return _unreadable(
            f"{name} is of a format that is not known here: convert it to H.264 in MP4."
        )
    size = _square_pixel_size(stream.width, stream.height, stream.sample_aspect_ratio)
    if _too_large(*size):
        return _unreadable(
            f"{name} has frames of {size[0]}x{size[1]} pixels; up to {MAX_PIXELS} pixels and "
            f"{MAX_SIDE} a side are read: scale it down."
        )
    n_frames = 0
    if step is None and not (n_frames := _count_frames(path, stream)):
        return _unreadable(
            f"No frame of {name} could be found: fetch it again, or convert it to H.264 in MP4."
        )
    try:
        decoded = _decode(container, stream, _requested(count, step, n_frames), messages)
    except _EncryptedError:
        return _unreadable(
            f"{name} is encrypted: only its publisher's player can show it. Use a copy that is not."
        )
    errors = _texts(messages)
    if len(decoded.frames) < count and _lacks_memory(errors, stream.width * stream.height):
        raise MemoryError
    if not decoded.frames:
        cause = f" ({errors[0]})" if errors else ""
        return _unreadable(
            f"No frame of {name} could be decoded{cause}: "
            "fetch it again, or convert it to H.264 in MP4."
        )
    n_frames = n_frames or _count_frames(path, stream)
    video = SampledVideo(
        VideoStatus.OK, "", decoded.fps, decoded.frames, declared=n_frames, note=note
    )
    if len(decoded.frames) < count:
        sampling = f"one every {step}" if step else f"spread over {n_frames}"
        detail = (
            f"{name} gave {len(decoded.frames)} of {count} frames, {sampling}, since only "
            f"{decoded.n_decoded} could be decoded: it is short or damaged; use a longer or "
            "undamaged copy."
        )
        return replace(video, status=VideoStatus.TOO_SHORT, detail=detail)
    pixels = stream.width * stream.height * n_frames
    bits_per_pixel = round(8 * path.stat().st_size / pixels, 6) if pixels else 0.0
    return replace(video, bits_per_pixel=bits_per_pixel)


class _EncryptedError(Exception):
    """The video is encrypted."""


def _default_stream(
    container: av.container.InputContainer,
) -> tuple[av.VideoStream | None, str]:
    """The video stream that a player shows, and a note if there are others. Cover pictures do not
    count."""
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
        f"The file has {len(streams)} videos. Number {number}, the default of players, was used."
    )


def _square_pixel_size(width: int, height: int, ratio: Fraction | None) -> tuple[int, int]:
    """The size that gives a frame with the pixel aspect ratio `ratio` square pixels. Never smaller
    than the frame."""
    if not ratio or abs(ratio - 1) <= ALMOST_SQUARE:
        return width, height
    return (round(width * ratio), height) if ratio > 1 else (width, round(height / ratio))


def _too_large(width: int, height: int) -> bool:
    return width * height > MAX_PIXELS or max(width, height) > MAX_SIDE


def _count_frames(path: Path, stream: av.VideoStream) -> int:
    """How many frames a player shows: the container's number if it fits its duration, otherwise
    counted, which reads the whole file."""
    declared, rate = stream.frames, stream.average_rate
    if declared and rate and stream.duration and stream.time_base:
        seconds = stream.duration * stream.time_base
        if abs(declared - seconds * rate) <= 1 + declared / 100:
            return declared
    count = 0
    with _open(path) as container:
        packets = container.demux(container.streams[stream.index])
        with contextlib.suppress(av.FFmpegError):  # the file is damaged from here on
            for packet in packets:
                count += packet.size > 0 and not packet.is_discard
    return count


def _requested(count: int, step: int | None, n_frames: int) -> Sequence[int]:
    """Indices of the requested frames. Spread, they are the middles of equal parts: the very last
    frame is often missing."""
    if step is not None:
        return range(0, count * step, step)
    return [(2 * i + 1) * n_frames // (2 * count) for i in range(count)]


def _lacks_memory(errors: list[str], pixels: int) -> bool:
    """Whether a decoder stopped early for lack of memory: FFmpeg says so (not always), or less is
    left than some frames need."""
    return bool(OUT_OF_MEMORY.search("\n".join(errors))) or memory_left() < 4 * 3 * pixels


def _no_video(path: Path, messages: list[Any], cause: str) -> SampledVideo:
    """Unreadable for the reason that FFmpeg gave last, or else `cause`."""
    return _unreadable(
        f"{str(path)!r} holds no video that can be decoded ({[cause, *_texts(messages)][-1]}): "
        "fetch it again, or convert it to H.264 in MP4."
    )


def _unreadable(detail: str) -> SampledVideo:
    return SampledVideo(VideoStatus.UNREADABLE, detail, 0.0, ())


def _refuse(path: Path) -> SampledVideo | None:
    """The result for a path that must not reach the decoder; None if it may."""
    name = repr(str(path))
    try:
        file = path.stat()
        if not stat.S_ISREG(file.st_mode):  # opening a FIFO would wait for a writer
            return _unreadable(f"{name} is not a regular file: give the path of a video file.")
        if file.st_size == 0:
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
def _open(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a video, if it is one of `CONTAINERS`. FFmpeg never sees the file's name, which it could
    interpret."""
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
            if memory_left() < MIN_FREE_MEMORY:
                raise
            raise av.error.InvalidDataError(error.errno or 0, "its header is damaged") from error
        with container:
            yield container


@dataclass(frozen=True)
class _Decoded:
    """The requested frames, how many were decoded to get them, and the frame rate (0: unknown)."""

    frames: tuple[Frame, ...]
    n_decoded: int
    fps: float


def _decode(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    requested: Sequence[int],
    messages: list[Any],
) -> _Decoded:
    context = stream.codec_context
    context.thread_count = 1
    context.options = {"max_pixels": str(MAX_PIXELS)}  # before the memory is taken
    declared_fps = _plausible_fps(stream.average_rate)
    frames: list[Frame] = []
    n_decoded, start = 0, None
    for frame in _deinterlace(_frames(container, stream, messages)):
        start = frame.time if start is None else start
        size = _square_pixel_size(frame.width, frame.height, stream.sample_aspect_ratio)
        if _too_large(*size):
            continue
        if n_decoded >= requested[len(frames)]:
            since = math.nan if frame.time is None or start is None else frame.time - start
            earlier = frames[-1].time_s if frames else -math.inf
            time_s = _time_s(since, n_decoded, declared_fps, earlier)
            frames.append(Frame(n_decoded, time_s, _picture(frame, size)))
        n_decoded += 1
        if len(frames) == len(requested):
            break
    return _Decoded(tuple(frames), n_decoded, _measured_fps(frames, declared_fps))


def _frames(
    container: av.container.InputContainer, stream: av.VideoStream, messages: list[Any]
) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded, in presentation order."""
    failed = 0
    packets = container.demux(stream)
    while failed < MAX_FAILED_PACKETS:
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
            packets = container.demux(stream)  # continues after the failed packet
            continue
        failed = 0
        yield from frames


def _deinterlace(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The same frames, interlaced ones deinterlaced by FFmpeg's `bwdif`. It needs each frame's
    neighbours, so from the first interlaced frame on all frames pass through it."""
    graph, shape = None, None
    for frame in frames:
        if graph and shape != (frame.width, frame.height, frame.format.name):
            yield from _filter(graph, None)
            graph = None
        if graph is None and frame.interlaced_frame:
            graph, shape = _bwdif(frame), (frame.width, frame.height, frame.format.name)
        yield from _filter(graph, frame) if graph else (frame,)
    if graph:
        yield from _filter(graph, None)


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


def _filter(graph: Graph, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
    """The frames that a filter graph gives for one more frame; None ends its input."""
    graph.push(frame)
    with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            yield graph.vpull()


def _picture(frame: av.VideoFrame, size: tuple[int, int]) -> np.ndarray:
    """A frame scaled to `size` (width, height) and turned upright: uint8 RGB."""
    width, height = size
    # BICUBIC alone gives the same pixels as OpenCV's reader
    rgb = frame.reformat(
        width, height, "rgb24", interpolation=Interpolation.BICUBIC, threads=1
    ).to_ndarray()
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is not None:
        rgb = _apply_display_matrix(rgb, np.frombuffer(matrix, np.int32))
    return np.ascontiguousarray(rgb)


def _apply_display_matrix(rgb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Rotate and mirror a picture by a display matrix (9,) int32, to the nearest quarter turn:
    (x, y) moves to (a x + c y, b x + d y)."""
    a, b, _, c, d = matrix[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        rgb = rgb.transpose(1, 0, 2)
        across, down = c, b
    return rgb[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def _time_s(declared: float, index: int, fps: float, earlier: float) -> float:
    """The container's time, s, if it is plausible and later than `earlier`, otherwise index / fps;
    0.0 if neither is known."""
    if math.isfinite(declared) and declared >= 0 and declared > earlier:
        return declared
    return index / fps if fps else 0.0


def _measured_fps(frames: Sequence[Frame], declared: float) -> float:
    """The declared frame rate, or, if that is far off, the rate between the first and the last
    sampled frame."""
    if len(frames) < 2 or frames[-1].time_s <= frames[0].time_s:
        return declared
    between = frames[-1].index - frames[0].index
    measured = _plausible_fps(between / (frames[-1].time_s - frames[0].time_s))
    return declared if abs(declared - measured) <= FPS_TOLERANCE * measured else measured


def _plausible_fps(fps: float | Fraction | None) -> float:
    return float(fps) if fps and 0 < fps <= MAX_FPS else 0.0


@contextlib.contextmanager
def _captured_messages() -> Iterator[list[Any]]:
    """Collect FFmpeg's messages: only they give the cause of a failure."""
    level, skipping = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # otherwise a message of an earlier video is left out
    try:
        with av.logging.Capture() as messages:
            yield messages
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skipping)


def _texts(messages: Sequence[Any]) -> list[str]:
    """FFmpeg's messages, one line each, printable and bounded."""
    lines = (text.strip()[:200] for _, _, text in messages)
    return ["".join(letter for letter in line if letter.isprintable()) for line in lines if line]

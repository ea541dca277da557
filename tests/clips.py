"""Small real clips for the tests: what a workflow on real videos meets, good and bad.

Faces are NASA's public-domain portrait of Eileen Collins that comes with scikit-image.
`ODD_CLIPS` names every kind of clip and says what must become of it. All are drawn and encoded on
the spot, most in well under a second.
"""

from __future__ import annotations

import os
import re
import socket
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from itertools import count, islice, repeat
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.stream import Disposition
from skimage.data import astronaut

from workflow_scripts.lib.faces.status import VideoStatus

COUNT, STEP = 7, 30  # the sampling that ODD_CLIPS is written for: frames 0, 30, ..., 180
LIMITS = {"max_seconds": 6, "max_memory_mb": 250}  # and its limits
WIDTH, HEIGHT = 320, 240
LENGTH = 200  # frames; more than the 181 that sampling needs
FACE_CENTRE, FACE_HEIGHT = (226, 130), 120  # x, y and hairline to chin in the portrait, pixels
PORTRAIT = (76, 0, 376, 280)  # left, top, right, bottom of head and shoulders in it


def background(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A wall with a soft light on it: (height, width, 3) uint8 RGB."""
    light = np.linspace(150, 90, height)[:, None] + np.linspace(0, 40, width)[None, :]
    return np.stack([light, light * 0.95, light * 0.85], axis=2).astype(np.uint8)


@cache
def _portrait(face_height: int) -> np.ndarray:
    left, top, right, bottom = PORTRAIT
    scale = face_height / FACE_HEIGHT
    size = (round((right - left) * scale), round((bottom - top) * scale))
    return cv2.resize(astronaut()[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)


def paste_face(picture: np.ndarray, face_height: int, centre: tuple[int, int]) -> np.ndarray:
    """A copy of an RGB picture with a face of `face_height` pixels around `centre` (x, y); what
    goes past the border is cut off."""
    portrait = _portrait(face_height)
    scale = face_height / FACE_HEIGHT
    left = centre[0] - round((FACE_CENTRE[0] - PORTRAIT[0]) * scale)
    top = centre[1] - round((FACE_CENTRE[1] - PORTRAIT[1]) * scale)
    height, width = picture.shape[:2]
    rows = slice(max(top, 0), min(top + portrait.shape[0], height))
    columns = slice(max(left, 0), min(left + portrait.shape[1], width))
    result = picture.copy()
    result[rows, columns] = portrait[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    return result


def face_frame(
    width: int = WIDTH,
    height: int = HEIGHT,
    face_height: int = 90,
    centre: tuple[int, int] | None = None,
) -> np.ndarray:
    """A face in front of a wall, (height, width, 3) uint8 RGB; in the middle without `centre`."""
    return paste_face(background(width, height), face_height, centre or (width // 2, height // 2))


def numbered_frames(count: int, width: int = 160, height: int = 96) -> list[np.ndarray]:
    """Pictures (height, width, 3) that show their number, 0 to count - 1, as ten black or white
    bars; `read_number` reads it."""
    bars = (np.arange(count)[:, None] >> np.arange(10)) & 1
    rows = np.repeat(bars, width // 10, axis=1).astype(np.uint8) * 255
    return [np.broadcast_to(row[None, :, None], (height, width, 3)) for row in rows]


def read_number(picture: np.ndarray) -> int:
    """The number that a decoded picture of `numbered_frames` shows."""
    bars = picture.mean(axis=(0, 2)).reshape(10, -1).mean(axis=1) > 127
    return int(bars @ (1 << np.arange(10)))


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    fps: int = 30,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    container: str = "mp4",
    rotation: int = 0,
    matrix: tuple[int, int, int, int] | None = None,
    pixel_ratio: Fraction | None = None,
    times: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> None:
    """Encode RGB or RGBA pictures of one size, uint8, to a video.

    `rotation` is the counter-clockwise angle by which players must turn the picture, in degrees;
    `matrix` says the same, or mirrors, as the a, b, c, d of a display matrix. `pixel_ratio` is a
    pixel's width to its height.
    `times` (seconds, rising, one per frame) makes the frame rate variable. `options` are the
    encoder's, `container_options` the muxer's.
    """
    preset = {"preset": "ultrafast"} if codec == "libx264" else {}
    with av.open(path, "w", format=container, options=container_options or {}) as output:
        stream = output.add_stream(codec, rate=fps, options=preset | (options or {}))
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt = pix_fmt
        stream.codec_context.thread_count = 1
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        if matrix:
            a, b, c, d = (entry << 16 for entry in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        if pixel_ratio:
            stream.codec_context.sample_aspect_ratio = pixel_ratio
        for index, pixels in enumerate(frames):
            if index == 0:
                stream.height, stream.width = pixels.shape[:2]
            layout = "rgba" if pixels.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), layout)
            frame.pts = index if times is None else round(times[index] * 1000)
            frame.time_base = Fraction(1, fps) if times is None else Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def write_face_clip(
    path: Path, length: int = LENGTH, picture: np.ndarray | None = None, **options: Any
) -> None:
    """A clip of one picture, a face without `picture`; `options` are `write_clip`'s."""
    write_clip(path, repeat(face_frame() if picture is None else picture, length), **options)


def cut_after(path: Path, frame: int, garbage: bytes = b"") -> None:
    """End an MP4's data in the middle of `frame` and put `garbage` in the place of the rest."""
    with av.open(path) as container:
        packets = sorted(p.pos for p in container.demux(video=0) if p.pos is not None)
    content = path.read_bytes()
    keep = (packets[frame] + packets[frame + 1]) // 2
    path.write_bytes(content[:keep] + garbage)


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("This is not a video.\n" * 200)


def _picture(path: Path) -> None:
    path.write_bytes(cv2.imencode(".png", face_frame())[1].tobytes())


def _without_index(path: Path) -> None:
    write_face_clip(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"moov")])


def _cut_in_the_middle(path: Path) -> None:
    intra = {"g": "1"}
    write_face_clip(path, options=intra, container_options={"movflags": "faststart"})
    cut_after(path, frame=100)


def _audio_only(path: Path) -> None:
    with av.open(path, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=16000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        silence.sample_rate = 16000
        output.mux(stream.encode(silence))
        output.mux(stream.encode())


def _garbage_in_the_middle(path: Path) -> None:
    write_face_clip(path, options={"g": "1"})
    content = bytearray(path.read_bytes())
    begin, end = len(content) * 50 // 100, len(content) * 52 // 100
    content[begin:end] = np.random.default_rng(0).bytes(end - begin)
    path.write_bytes(content)


def _variable_frame_rate(path: Path) -> None:
    steps = np.where(np.arange(LENGTH) % 3 == 0, 0.08, 0.02)
    write_face_clip(path, times=(np.cumsum(steps) - steps).tolist())


def _size_change(path: Path) -> None:
    parts = []
    for width, height in ((320, 240), (640, 480)):
        picture = face_frame(width, height, height * 90 // 240)
        write_face_clip(path, LENGTH // 2, picture, container="mpegts")
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))


def _format_change(path: Path) -> None:
    parts = []
    for pix_fmt in ("yuv444p", "yuv420p"):
        write_face_clip(path, LENGTH // 2, pix_fmt=pix_fmt, container="mpegts")
        parts.append(path.read_bytes())
    path.write_bytes(b"".join(parts))


def _time_starts_again(path: Path) -> None:
    write_face_clip(path, LENGTH // 2, container="mpegts")
    path.write_bytes(path.read_bytes() * 2)


def _lie_in_index(content: bytearray) -> None:
    _put(content, b"stsz", 8, b"\xff" * 4)  # the number of frames
    _put(content, b"stts", 4, b"\xff" * 4)


def _face_leaves(path: Path) -> None:
    pictures = [face_frame()] * 100 + [background()] * 100
    write_clip(path, pictures)


def _huge(path: Path) -> None:
    picture = np.full((4400, 8200, 3), 90, np.uint8)
    write_clip(path, [picture], codec="mjpeg", pix_fmt="yuvj420p")


def crowd(width: int, height: int) -> np.ndarray:
    """Faces of 22 pixels side by side, (height, width, 3) uint8 RGB: what costs the detector most
    among pictures of faces. Sides are multiples of 48 and 36."""
    return np.tile(face_frame(48, 36, 22), (height // 36, width // 48, 1))


def _repeated(
    path: Path, codec: str, pix_fmt: str, parts: Sequence[tuple[np.ndarray, int]]
) -> None:
    """A QuickTime file of still pictures, each encoded once and repeated."""
    with av.open(path, "w", format="mov") as output:
        stream = output.add_stream(codec, rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = parts[0][0].shape[:2]
        stream.pix_fmt = pix_fmt
        times = count()
        for picture, length in parts:
            encoder = av.CodecContext.create(codec, "w")
            assert isinstance(encoder, av.VideoCodecContext)
            encoder.height, encoder.width = picture.shape[:2]
            encoder.pix_fmt, encoder.time_base = pix_fmt, Fraction(1, 30)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            content = bytes((encoder.encode(frame) + encoder.encode())[0])
            for time in islice(times, length):
                packet = av.Packet(content)
                packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 30), True
                packet.pts = packet.dts = time
                output.mux(packet)


def _lying() -> np.ndarray:
    """Somebody who lies on the side, rather more than half way."""
    turn = cv2.getRotationMatrix2D((240.0, 240.0), 50, 1)
    upright = face_frame(480, 480, 140)
    return cv2.warpAffine(upright, turn, (480, 480), borderMode=cv2.BORDER_REPLICATE)


def _flat(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def _patched(path: Path, change: Callable[[bytearray], None], **options: Any) -> None:
    """A good clip with some bytes of its headers changed."""
    write_face_clip(path, **options)
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def _put(content: bytearray, name: bytes, offset: int, value: bytes) -> None:
    """Overwrite what stands `offset` bytes behind each `name`."""
    assert name in content
    for found in re.finditer(re.escape(name), bytes(content)):
        content[found.end() + offset : found.end() + offset + len(value)] = value


def _tell_duration(content: bytearray, value: int) -> None:
    for name, offset in ((b"mvhd", 16), (b"tkhd", 20), (b"mdhd", 16)):
        _put(content, name, offset, value.to_bytes(4, "big"))


def _tell_size(content: bytearray, width: int, height: int) -> None:
    size = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    _put(content, b"strf", 8, size)


def _tell_one_frame(content: bytearray) -> None:
    _put(content, b"avih", 20, (1).to_bytes(4, "little"))
    _put(content, b"strh", 36, (1).to_bytes(4, "little"))


def _rename(content: bytearray, old: bytes, new: bytes) -> None:
    assert old in content
    content[:] = content.replace(old, new)


def _packets(path: Path, keep: Callable[[int], bool], gop: int = 10) -> None:
    """An MPEG-TS in which some frames, by their number, are missing."""
    write_face_clip(path, 220, container="mpegts", options={"g": str(gop)})
    content = path.read_bytes()
    with av.open(path) as container:
        begins = [packet.pos for packet in container.demux(video=0) if packet.pos is not None]
    begins[0] = 0
    ends = [*begins[1:], len(content)]
    pieces = zip(begins, ends, strict=True)
    path.write_bytes(b"".join(content[b:e] for n, (b, e) in enumerate(pieces) if keep(n)))


def _two_streams(
    path: Path, pictures: Sequence[np.ndarray] = (face_frame(), background()), default: int = 0
) -> None:
    with av.open(path, "w", format="mp4") as output:
        streams: list[av.VideoStream] = []
        for _ in pictures:
            stream = output.add_stream("libx264", rate=30)
            assert isinstance(stream, av.VideoStream)
            stream.pix_fmt, stream.height, stream.width = "yuv420p", HEIGHT, WIDTH
            stream.disposition = Disposition(int(len(streams) == default))
            streams.append(stream)
        for number in range(LENGTH):
            for stream, picture in zip(streams, pictures, strict=True):
                frame = av.VideoFrame.from_ndarray(picture, "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 30)
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode())


def _with_sound(path: Path) -> None:
    with av.open(path, "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=16000)
        stream = output.add_stream("libx264", rate=30)
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt, stream.height, stream.width = "yuv420p", HEIGHT, WIDTH
        for number in range(LENGTH):
            frame = av.VideoFrame.from_ndarray(face_frame(), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        silence.sample_rate = 16000
        output.mux(sound.encode(silence))
        output.mux(sound.encode())


def irregular_times(path: Path) -> None:
    """As a browser records: about 30 frames a second, in thousandths, never as many as it says."""
    steps = np.random.default_rng(1).choice([0.016, 0.017, 0.033, 0.034, 0.05], LENGTH)
    times = (np.cumsum(steps) - steps).tolist()
    fast = {"deadline": "realtime", "cpu-used": "8"}
    write_face_clip(path, fps=1000, codec="libvpx", container="webm", times=times, options=fast)


def with_edit_list(path: Path, start: int = 60, length: int = 40) -> None:
    """An MP4 of numbered frames of which players show `length`, from number `start` on."""
    write_clip(path, numbered_frames(LENGTH), options={"bf": "0", "g": "30"})
    content = bytearray(path.read_bytes())

    def number(name: bytes, offset: int) -> int:
        place = content.index(name) + len(name) + offset
        return int.from_bytes(content[place : place + 4], "big")

    seconds = length / 30
    movie = round(seconds * number(b"mvhd", 12)).to_bytes(4, "big")
    begin = round(start / 30 * number(b"mdhd", 12)).to_bytes(4, "big")
    _put(content, b"elst", 8, movie + begin)
    _put(content, b"mvhd", 16, movie)
    _put(content, b"tkhd", 20, movie)
    path.write_bytes(content)


def _cover_of_music(path: Path) -> None:
    with av.open(path, "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=16000)
        cover = output.add_stream("mjpeg", rate=1)
        assert isinstance(cover, av.VideoStream)
        cover.pix_fmt, cover.height, cover.width = "yuvj420p", HEIGHT, WIDTH
        cover.disposition = Disposition.attached_pic
        output.mux(cover.encode(av.VideoFrame.from_ndarray(face_frame(), "rgb24")))
        output.mux(cover.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        silence.sample_rate = 16000
        output.mux(sound.encode(silence))
        output.mux(sound.encode())


def _joined(path: Path, before: bytes = b"", after: bytes = b"", times: int = 1) -> None:
    write_face_clip(path)
    path.write_bytes(before + path.read_bytes() * times + after)


def _fragmented(path: Path, keep: float = 1.0) -> None:
    muxer = {"movflags": "frag_keyframe+empty_moov"}
    write_face_clip(path, options={"g": "10"}, container_options=muxer)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def _nested_boxes(path: Path) -> None:
    boxes = b""
    for _ in range(20_000):
        boxes = (8 + len(boxes)).to_bytes(4, "big") + b"moov" + boxes
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + boxes)


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("clip.mp4", b"no video")


def _animated_gif(path: Path) -> None:
    write_face_clip(path, 10, codec="gif", pix_fmt="rgb8", container="gif")


def _noise(path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (96, 128, 3), np.uint8) for _ in range(8)]
    write_clip(path, (pictures[i % 8] for i in range(LENGTH)))


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        before = Path.cwd()
        os.chdir(path.parent)  # the address of a socket may have 107 bytes
        try:
            bound.bind(path.name)
        finally:
            os.chdir(before)


def _playlist(path: Path, text: str) -> None:
    """A text that points to a good clip beside it, which must not be followed."""
    target = path.with_name(f"{path.stem}-target.mp4")
    write_face_clip(target)
    path.write_text(text.format(target=target.name))


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:6.6,\n{target}\n#EXT-X-ENDLIST\n"
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>
<AdaptationSet mimeType="video/mp4"><Representation id="0"><BaseURL>{target}</BaseURL>
</Representation></AdaptationSet></Period></MPD>"""
FFCONCAT = "ffconcat version 1.0\nfile {target}\n"


@dataclass(frozen=True)
class OddClip:
    """A kind of clip and what must become of it.

    `make` writes it at a path. `sampled` is its status after sampling COUNT frames, one every
    STEP, which gives `frames` of them; `final` its status after the face stage, with MTCNN's
    smallest face at 20 pixels and its confidence threshold at 0.9.
    """

    make: Callable[[Path], object]
    sampled: VideoStatus
    final: VideoStatus
    frames: int


def _good(make: Callable[[Path], None]) -> OddClip:
    return OddClip(make, VideoStatus.OK, VideoStatus.OK, COUNT)


def _faceless(make: Callable[[Path], None], final: VideoStatus) -> OddClip:
    return OddClip(make, VideoStatus.OK, final, COUNT)


def _short(make: Callable[[Path], None], frames: int) -> OddClip:
    return OddClip(make, VideoStatus.TOO_SHORT, VideoStatus.TOO_SHORT, frames)


def _refused(
    make: Callable[[Path], object], status: VideoStatus = VideoStatus.UNREADABLE
) -> OddClip:
    return OddClip(make, status, status, 0)


MJPEG_AVI: dict[str, Any] = {
    "codec": "mjpeg",
    "pix_fmt": "yuvj420p",
    "container": "avi",
    "options": {"qscale": "2"},
}
HDR = {
    "preset": "ultrafast",
    "x265-params": "log-level=none:colorprim=bt2020:transfer=arib-std-b67:colormatrix=smpte170m",
}
ENCRYPTION = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
}
TWO_FACES = paste_face(face_frame(centre=(80, 110), face_height=60), 80, (230, 120))
BLURRED = cv2.GaussianBlur(
    face_frame(face_height=60), (0, 0), 4
)  # MTCNN's confidence: 0.81 to 0.88
TRANSPARENT = np.dstack([face_frame(), np.full((HEIGHT, WIDTH), 128, np.uint8)])

# A file without read permission is not here: root reads it all the same.
ODD_CLIPS: dict[str, OddClip] = {
    "plain": _good(write_face_clip),
    "fps_5": _good(partial(write_face_clip, fps=5)),
    "fps_60": _good(partial(write_face_clip, fps=60)),
    "variable_frame_rate": _good(_variable_frame_rate),
    "rotated_90": _good(
        partial(write_face_clip, picture=np.rot90(face_frame(240, 320), -1), rotation=90)
    ),
    "rotated_180": _good(partial(write_face_clip, picture=np.rot90(face_frame(), 2), rotation=180)),
    "ten_bit": _good(partial(write_face_clip, pix_fmt="yuv420p10le")),
    "greyscale": _good(partial(write_face_clip, pix_fmt="gray")),
    "odd_size": _good(
        partial(write_face_clip, picture=face_frame(161, 121, 60), pix_fmt="yuv444p")
    ),
    "transparent": _good(
        partial(
            write_face_clip, picture=TRANSPARENT, codec="qtrle", pix_fmt="argb", container="mov"
        )
    ),
    "wrong_extension": _good(
        partial(write_face_clip, codec="mpeg4", container="avi", options={"qscale": "2"})
    ),
    "mirrored": _good(
        partial(write_face_clip, picture=face_frame()[:, ::-1], matrix=(-1, 0, 0, 1))
    ),
    "flipped": _good(partial(write_face_clip, picture=face_frame()[::-1], matrix=(1, 0, 0, -1))),
    "pixels_not_square": _good(
        partial(
            write_face_clip,
            picture=cv2.resize(face_frame(), (224, 240), interpolation=cv2.INTER_AREA),
            pixel_ratio=Fraction(10, 7),
        )
    ),
    "upside_down": _faceless(
        partial(write_face_clip, picture=face_frame()[::-1, ::-1]), VideoStatus.NO_FACE
    ),
    "lying": _faceless(partial(write_face_clip, picture=_lying()), VideoStatus.TURNED),
    "size_change": _good(_size_change),
    "format_change": _good(_format_change),
    "two_faces": _good(partial(write_face_clip, picture=TWO_FACES)),
    "cut_face": _good(partial(write_face_clip, picture=face_frame(centre=(28, 120)))),
    "garbage_in_the_middle": _good(_garbage_in_the_middle),
    "face_leaves": _faceless(_face_leaves, VideoStatus.PARTIAL),
    "no_face": _faceless(partial(write_face_clip, picture=background()), VideoStatus.NO_FACE),
    "tiny_face": _faceless(
        partial(write_face_clip, picture=face_frame(face_height=8)), VideoStatus.NO_FACE
    ),
    "blurred_face": _faceless(
        partial(write_face_clip, picture=BLURRED, options={"qp": "4"}), VideoStatus.LOW_CONFIDENCE
    ),
    "one_frame": _short(partial(write_face_clip, length=1), 1),
    "short": _short(partial(write_face_clip, length=100), 4),
    "one_frame_too_few": _short(partial(write_face_clip, length=180), 6),
    "cut_in_the_middle": _short(_cut_in_the_middle, 4),
    "without_index": _refused(_without_index),
    "empty": _refused(_empty),
    "text": _refused(_text),
    "picture": _refused(_picture),
    "audio_only": _refused(_audio_only),
    "playlist_hls": _refused(partial(_playlist, text=HLS)),
    "playlist_ffconcat": _refused(partial(_playlist, text=FFCONCAT)),
    "huge": _refused(_huge),
    "directory": _refused(Path.mkdir),
    "fifo": _refused(os.mkfifo),
    "missing": _refused(lambda path: None, VideoStatus.MISSING),
    # what costs too much, and what lies about its size
    "costly_in_time": _refused(
        partial(_repeated, codec="png", pix_fmt="rgb24", parts=[(_flat(4000, 4000), LENGTH)]),
        VideoStatus.TOO_COSTLY,
    ),
    "costly_in_memory": _refused(
        partial(_repeated, codec="mjpeg", pix_fmt="yuvj420p", parts=[(_flat(8000, 4000), LENGTH)]),
        VideoStatus.TOO_COSTLY,
    ),
    "crowd": _short(partial(write_face_clip, length=1, picture=crowd(4080, 2160)), 1),
    "size_grows_absurdly": _short(
        partial(
            _repeated,
            codec="mjpeg",
            pix_fmt="yuvj420p",
            parts=[(face_frame(), 175), (_flat(8200, 4400), 25)],
        ),
        6,
    ),
    "size_told_absurd": _refused(
        partial(
            _patched,
            change=partial(_tell_size, width=60000, height=60000),
            codec="rawvideo",
            container="avi",
        )
    ),
    "size_told_zero": _good(
        partial(_patched, change=partial(_tell_size, width=0, height=0), **MJPEG_AVI)
    ),
    "size_told_negative": _good(
        partial(_patched, change=partial(_tell_size, width=2**32 - 320, height=240), **MJPEG_AVI)
    ),
    # time
    "ten_hours": _good(partial(write_face_clip, times=np.linspace(0, 36000, LENGTH).tolist())),
    "length_told_ten_hours": _good(
        partial(_patched, change=partial(_tell_duration, value=36_000_000))
    ),
    "length_told_zero": _good(partial(_patched, change=partial(_tell_duration, value=0))),
    "one_frame_told": _good(partial(_patched, change=_tell_one_frame, **MJPEG_AVI)),
    "starts_after_five_hours": _good(
        partial(write_face_clip, times=(18000 + np.arange(LENGTH) / 30).tolist())
    ),
    "fps_absurd": _good(partial(write_face_clip, fps=90000)),
    "irregular_times": _good(irregular_times),
    "edit_list": _faceless(partial(with_edit_list, length=190, start=5), VideoStatus.NO_FACE),
    "time_starts_again": _good(_time_starts_again),
    # damage
    "packets_lost": _good(partial(_packets, keep=lambda n: not 95 <= n < 105)),
    "starts_without_a_key_frame": _good(partial(_packets, keep=lambda n: n >= 5)),
    "mostly_lost": _short(partial(_packets, keep=lambda n: n < 65), 3),
    "fragmented_cut": _short(partial(_fragmented, keep=0.65), 5),
    "twice_in_one_file": _good(partial(_joined, times=2)),
    "garbage_at_the_end": _good(partial(_joined, after=bytes(5000))),
    "garbage_at_the_beginning": _refused(partial(_joined, before=bytes(5000))),
    "index_lies": _refused(partial(_patched, change=_lie_in_index)),
    "nested_boxes": _refused(_nested_boxes),
    "header_only": _refused(lambda path: path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0")),
    "zeros": _refused(lambda path: path.write_bytes(bytes(100_000))),
    "noise_bytes": _refused(lambda path: path.write_bytes(np.random.default_rng(0).bytes(100_000))),
    "web_page": _refused(lambda path: path.write_text("<!DOCTYPE html><html>404</html>")),
    "archive": _refused(_archive),
    "animated_gif": _refused(_animated_gif),
    "playlist_dash": _refused(partial(_playlist, text=DASH)),
    "unknown_codec": _refused(partial(_patched, change=partial(_rename, old=b"avc1", new=b"zzzz"))),
    "codec_parameters_broken": _refused(
        partial(_patched, change=partial(_put, name=b"avcC", offset=0, value=bytes(20)))
    ),
    # kinds of pictures
    "rotated_270": _good(
        partial(write_face_clip, picture=np.rot90(face_frame(240, 320), 1), rotation=-90)
    ),
    "interlaced": _good(
        partial(
            write_face_clip,
            codec="mpeg2video",
            container="mpegts",
            options={"flags": "+ildct+ilme", "qscale": "2"},
        )
    ),
    "interlaced_h264": _good(partial(write_face_clip, options={"x264-params": "interlaced=1"})),
    "hdr": _good(partial(write_face_clip, codec="libx265", pix_fmt="yuv420p10le", options=HDR)),
    "full_range": _good(partial(write_face_clip, **MJPEG_AVI)),
    "alpha_vp9": _good(
        partial(
            write_face_clip,
            picture=TRANSPARENT,
            codec="libvpx-vp9",
            pix_fmt="yuva420p",
            container="webm",
            options={"deadline": "realtime", "cpu-used": "8"},
        )
    ),
    "twelve_bit": _good(
        partial(write_face_clip, codec="ffv1", pix_fmt="yuv444p12le", container="matroska")
    ),
    "uncompressed": _good(
        partial(write_face_clip, codec="rawvideo", pix_fmt="yuv420p", container="avi")
    ),
    "windows_media": _good(
        partial(write_face_clip, codec="wmv2", container="asf", options={"qscale": "2"})
    ),
    "flash": _good(partial(write_face_clip, codec="flv", container="flv", options={"qscale": "2"})),
    "av1": _good(partial(write_face_clip, codec="libsvtav1", options={"preset": "12"})),
    "encrypted": _refused(partial(write_face_clip, container_options=ENCRYPTION)),
    "fragmented": _good(_fragmented),
    "two_streams": _good(_two_streams),
    "second_stream_is_shown": _good(
        partial(_two_streams, pictures=(background(), face_frame()), default=1)
    ),
    "cover_of_music": _refused(_cover_of_music),
    "with_sound": _good(_with_sound),
    "black": _faceless(partial(write_face_clip, picture=_flat(320, 240) * 0), VideoStatus.NO_FACE),
    "noise": _faceless(_noise, VideoStatus.NO_FACE),
    "two_pixels": _faceless(partial(write_face_clip, picture=_flat(2, 2)), VideoStatus.NO_FACE),
    "extremely_wide": _faceless(
        partial(write_face_clip, picture=_flat(4000, 16)), VideoStatus.NO_FACE
    ),
    # what is no file
    "socket": _refused(_socket),
    "device": _refused(lambda path: path.symlink_to("/dev/zero")),
    "link_to_itself": _refused(lambda path: path.symlink_to(path)),
    "link_to_nothing": _refused(lambda path: path.symlink_to("nothing.mp4"), VideoStatus.MISSING),
}

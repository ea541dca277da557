"""Small real clips for the tests: what a workflow on real videos meets, good and bad.

Faces are NASA's public-domain portrait of Eileen Collins that comes with scikit-image.
`ODD_CLIPS` names every kind of clip and says what must become of it. All are drawn and encoded on
the spot, most in well under a second.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from itertools import repeat
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from skimage.data import astronaut

from workflow_scripts.lib.video import VideoStatus

__all__ = [
    "COUNT",
    "ODD_CLIPS",
    "STEP",
    "OddClip",
    "background",
    "cut_after",
    "face_frame",
    "numbered_frames",
    "paste_face",
    "read_number",
    "write_clip",
    "write_face_clip",
]

COUNT, STEP = 7, 30  # the sampling that ODD_CLIPS is written for: frames 0, 30, ..., 180
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
    times: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> None:
    """Encode RGB or RGBA pictures of one size, uint8, to a video.

    `rotation` is the counter-clockwise angle by which players must turn the picture, in degrees.
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


def _face_leaves(path: Path) -> None:
    pictures = [face_frame()] * 100 + [background()] * 100
    write_clip(path, pictures)


def _huge(path: Path) -> None:
    picture = np.full((4400, 8200, 3), 90, np.uint8)
    write_clip(path, [picture], codec="mjpeg", pix_fmt="yuvj420p")


def _playlist(path: Path, text: str) -> None:
    """A text that points to a good clip beside it, which must not be followed."""
    target = path.with_name(f"{path.stem}-target.mp4")
    write_face_clip(target)
    path.write_text(text.format(target=target.name))


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:6.6,\n{target}\n#EXT-X-ENDLIST\n"
FFCONCAT = "ffconcat version 1.0\nfile {target}\n"


@dataclass(frozen=True)
class OddClip:
    """A kind of clip and what must become of it.

    `make` writes it at a path. `sampled` is its status after sampling COUNT frames, one every
    STEP, which gives `frames` of them; `final` its status after the face stage, with MTCNN's
    smallest face at 20 pixels and its confidence threshold at 0.9.
    """

    make: Callable[[Path], None]
    sampled: VideoStatus
    final: VideoStatus
    frames: int


def _good(make: Callable[[Path], None]) -> OddClip:
    return OddClip(make, VideoStatus.OK, VideoStatus.OK, COUNT)


def _faceless(make: Callable[[Path], None], final: VideoStatus) -> OddClip:
    return OddClip(make, VideoStatus.OK, final, COUNT)


def _short(make: Callable[[Path], None], frames: int) -> OddClip:
    return OddClip(make, VideoStatus.TOO_SHORT, VideoStatus.TOO_SHORT, frames)


def _refused(make: Callable[[Path], None]) -> OddClip:
    return OddClip(make, VideoStatus.UNREADABLE, VideoStatus.UNREADABLE, 0)


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
    "missing": OddClip(lambda path: None, VideoStatus.MISSING, VideoStatus.MISSING, 0),
}

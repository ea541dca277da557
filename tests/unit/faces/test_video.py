"""Sampling real clips: which frames come out, and what becomes of bad and odd files."""

import faulthandler
import math
import multiprocessing
import os
import signal
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clips import (
    COUNT,
    LIMITS,
    ODD_CLIPS,
    STEP,
    cut_after,
    face_frame,
    irregular_times,
    numbered_frames,
    read_number,
    with_edit_list,
    write_clip,
    write_face_clip,
)
from workflow_scripts.faces.sample_frames import REMEDY
from workflow_scripts.lib.faces import video
from workflow_scripts.lib.faces.frames import (
    Frame,
    SampledVideo,
    load_cache_key,
    load_frames,
    save_frames,
)
from workflow_scripts.lib.faces.status import VideoStatus
from workflow_scripts.lib.faces.video import sample_frames, sample_to_file

WANTED = list(range(0, COUNT * STEP, STEP))
NOBODY = 65534


class OddClips(dict[str, Path]):
    """The odd clips by name, each made when it is first asked for."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder

    def __missing__(self, name: str) -> Path:
        self[name] = self.folder / f"{name}.mp4"
        ODD_CLIPS[name].make(self[name])
        return self[name]


@pytest.fixture(scope="module")
def odd_clips(tmp_path_factory: pytest.TempPathFactory) -> OddClips:
    return OddClips(tmp_path_factory.mktemp("odd"))


def mostly_slow(names: Iterable[str]) -> list[Any]:
    """Names as parameters of a test: `make test` takes each fourth."""
    return [
        pytest.param(name, marks=pytest.mark.slow if number % 4 else ())
        for number, name in enumerate(names)
    ]


def sampled_within_limits(path: Path) -> SampledVideo:
    """What the workflow makes of a clip."""
    output = path.with_name(f"{path.stem}.npz")
    sample_to_file(path, output, COUNT, STEP, **LIMITS, remedy=REMEDY)
    return load_frames(output)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 300 frames, each showing its number, with B-frames and several key frames."""
    path = tmp_path_factory.mktemp("numbered") / "numbered.mp4"
    options = {"preset": "veryfast", "bf": "3", "g": "48", "crf": "30"}
    write_clip(path, numbered_frames(300), options=options)
    return path


def same(one: SampledVideo, other: SampledVideo) -> bool:
    def told(v: SampledVideo) -> tuple[object, ...]:
        return v.status, v.detail, v.note, v.fps, v.declared, v.bits_per_pixel, len(v.frames)

    return told(one) == told(other) and all(
        (a.index, a.time_s) == (b.index, b.time_s) and np.array_equal(a.pixels, b.pixels)
        for a, b in zip(one.frames, other.frames, strict=True)
    )


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two pictures, in grey levels."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


# What comes out of good clips


def test_wanted_frames_are_those_of_a_full_read(numbered: Path) -> None:
    capture = cv2.VideoCapture(str(numbered), cv2.CAP_FFMPEG)
    everything = []
    while (read := capture.read())[0]:
        everything.append(read[1][:, :, ::-1])
    sampled = sample_frames(numbered, COUNT, STEP)
    assert len(everything) == 300
    assert (sampled.status, sampled.detail, sampled.fps) == (VideoStatus.OK, "", 30.0)
    assert [frame.index for frame in sampled.frames] == WANTED
    assert [frame.time_s for frame in sampled.frames] == pytest.approx([i / 30 for i in WANTED])
    for frame in sampled.frames:
        assert frame.pixels.dtype == np.uint8
        assert read_number(frame.pixels) == frame.index
        np.testing.assert_array_equal(frame.pixels, everything[frame.index])


@pytest.mark.parametrize(("count", "step"), [(1, 1), (300, 1), (3, 7), (2, 299)])
def test_count_and_step(numbered: Path, count: int, step: int) -> None:
    sampled = sample_frames(numbered, count, step)
    assert sampled.status == VideoStatus.OK
    numbers = [read_number(frame.pixels) for frame in sampled.frames]
    assert (
        numbers == [frame.index for frame in sampled.frames] == list(range(0, count * step, step))
    )


@pytest.mark.parametrize("arguments", [(0, 1), (1, 0), (0, None)])
def test_arguments_below_one_are_a_mistake_of_the_caller(
    numbered: Path, arguments: tuple[int, int | None]
) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        sample_frames(numbered, *arguments)


@pytest.mark.parametrize("count", [1, 2, 7, 199, 200, 299, 300])
def test_frames_are_spread_over_the_whole_video(numbered: Path, count: int) -> None:
    sampled = sample_frames(numbered, count, None)
    assert (sampled.status, sampled.declared) == (VideoStatus.OK, 300)
    indices = [frame.index for frame in sampled.frames]
    part = 300 / count
    assert len(indices) == count
    for number, index in enumerate(indices):
        assert number * part - 1 < index < (number + 1) * part
    gaps = set(np.diff(indices).tolist())
    assert gaps <= {int(part), math.ceil(part)}


def test_more_frames_than_there_are_cannot_be_spread(numbered: Path) -> None:
    sampled = sample_frames(numbered, 301, None)
    assert sampled.status == VideoStatus.TOO_SHORT
    assert [frame.index for frame in sampled.frames] == list(range(300))
    assert "gave 300 of 301 frames, spread over 300, since only 300" in sampled.detail


def test_a_length_that_says_too_much_by_little_is_spread_over_all_the_same(
    numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "_count_frames", lambda *_: 310)
    assert sample_frames(numbered, 7, None).status == VideoStatus.OK


def test_a_length_that_is_not_told_is_counted(tmp_path: Path) -> None:
    live = {"live": "1"}  # a recording that was broken off, say
    path = tmp_path / "live.mkv"
    pictures, options = numbered_frames(20), {"g": "1"}
    write_clip(path, pictures, container="matroska", options=options, container_options=live)
    for step in (None, 9):
        sampled = sample_frames(path, 3, step)
        assert (sampled.status, sampled.declared) == (VideoStatus.OK, 20)
        assert sampled.bits_per_pixel == round(path.stat().st_size * 8 / (20 * 160 * 96), 6)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 0 < sample_frames(path, 3, 1).declared < 20


def test_decoding_stops_at_the_last_wanted_frame(numbered: Path) -> None:
    with video._open(numbered) as container:
        stream, _ = video._default_stream(container)
        assert stream
        found = video._decode(container, stream, WANTED, [])
        assert (len(found.frames), found.n_decoded) == (COUNT, 181)
        left = sum(packet.size > 0 for packet in container.demux(stream))
    assert left > 100


def test_garbage_after_the_last_wanted_frame_changes_no_frame(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    muxer = {"movflags": "faststart"}
    write_clip(path, numbered_frames(240), options={"g": "1"}, container_options=muxer)
    whole = sample_frames(path, COUNT, STEP)
    cut_after(path, frame=185, garbage=np.random.default_rng(0).bytes(5000))
    assert whole.status == VideoStatus.OK
    found = sample_frames(path, COUNT, STEP)
    assert same(replace(found, bits_per_pixel=whole.bits_per_pixel), whole)


def test_bits_for_each_pixel_tell_how_much_was_compressed(tmp_path: Path) -> None:
    found = {}
    for quality in (18, 40):
        path = tmp_path / f"{quality}.mp4"
        noise = np.random.default_rng(0).integers(0, 256, (30, 96, 160, 3), np.uint8)
        write_clip(path, noise, options={"crf": str(quality)})
        found[quality] = sample_frames(path, 1, 1).bits_per_pixel
        assert found[quality] == round(path.stat().st_size * 8 / (30 * 96 * 160), 6)
    assert found[40] < found[18] / 2


def test_a_cut_file_has_no_bits_for_each_pixel(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    muxer = {"movflags": "faststart"}
    write_clip(path, numbered_frames(60), options={"g": "1"}, container_options=muxer)
    cut_after(path, frame=20)
    sampled = sample_frames(path, 4, 10)
    assert (sampled.status, sampled.declared) == (VideoStatus.TOO_SHORT, 60)
    assert sampled.bits_per_pixel == 0


# Every kind of odd clip


@pytest.mark.parametrize("name", mostly_slow(ODD_CLIPS))
def test_odd_clip_has_its_status(odd_clips: OddClips, name: str) -> None:
    expected = ODD_CLIPS[name]
    sampled = sampled_within_limits(odd_clips[name])
    assert (sampled.status, len(sampled.frames)) == (expected.sampled, expected.frames)
    assert [frame.index for frame in sampled.frames] == WANTED[: expected.frames]
    times = [frame.time_s for frame in sampled.frames]
    assert times == sorted(set(times))
    assert all(0 <= time < 1e6 for time in times)
    for frame in sampled.frames:
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.shape[2:] == (3,)
    if expected.sampled == VideoStatus.OK:
        assert sampled.detail == ""
    else:
        assert repr(str(odd_clips[name])) in sampled.detail
        assert "\n" not in sampled.detail
        assert "@ 0x" not in sampled.detail  # an address in memory differs from run to run


@pytest.mark.parametrize(
    "name",
    mostly_slow(n for n, clip in ODD_CLIPS.items() if clip.sampled != VideoStatus.TOO_COSTLY),
)
def test_the_answer_is_the_same_each_time(odd_clips: OddClips, name: str) -> None:
    once = sample_frames(odd_clips[name], COUNT, STEP)
    assert same(sample_frames(odd_clips[name], COUNT, STEP), once)


def test_damage_is_filled_in_the_same_way_each_time(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    pictures = [face_frame(centre=(100 + i // 2, 120)) for i in range(200)]
    write_clip(path, pictures, options={"preset": "veryfast", "g": "60"})
    whole = sample_frames(path, COUNT, STEP)
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).integers(len(content) // 10, len(content) // 2, 20):
        content[place] ^= 255
    path.write_bytes(content)
    once = sample_frames(path, COUNT, STEP)
    assert not same(once, whole)
    assert same(sample_frames(path, COUNT, STEP), once)


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("plain", face_frame()),
        ("rotated_90", face_frame(240, 320)),
        ("rotated_180", face_frame()),
        ("ten_bit", face_frame()),
        ("odd_size", face_frame(161, 121, 60)),
        ("transparent", face_frame()),
        ("format_change", face_frame()),
        ("mirrored", face_frame()),
        ("flipped", face_frame()),
        ("pixels_not_square", face_frame()),
        ("second_stream_is_shown", face_frame()),
        ("av1", face_frame()),
        ("garbage_in_the_middle", face_frame()),
        ("interlaced_h264", face_frame()),
    ],
)
def test_pictures_are_upright_and_rgb(odd_clips: OddClips, name: str, picture: np.ndarray) -> None:
    turned = (picture[:, ::-1], picture[::-1], picture[:, :, ::-1])
    for frame in sample_frames(odd_clips[name], COUNT, STEP).frames:
        assert frame.pixels.shape == picture.shape
        error = difference(frame.pixels, picture)
        assert error < 5
        assert error < min(difference(frame.pixels, other) for other in turned) / 2


@pytest.mark.parametrize("matrix", [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_display_matrix_says_where_each_pixel_goes(
    matrix: tuple[int, int, int, int], transposed: bool
) -> None:
    a, b, c, d = matrix if not transposed else (0, matrix[0], matrix[3], 0)
    picture = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    fixed = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], np.int32)
    turned = video._apply_display_matrix(picture, fixed)
    places = {(x, y): (a * x + c * y, b * x + d * y) for x in range(5) for y in range(3)}
    left, top = (min(place[axis] for place in places.values()) for axis in (0, 1))
    assert turned.shape == ((5, 3, 3) if transposed else (3, 5, 3))
    for (x, y), (right, down) in places.items():
        assert (turned[down - top, right - left] == picture[y, x]).all()


def test_interlaced_frames_are_deinterlaced(tmp_path: Path) -> None:
    bars = np.broadcast_to((np.arange(160) // 16 % 2 * 255)[None, :, None], (96, 160, 3))
    fields = [np.roll(bars, 4 * moment, axis=1).astype(np.uint8) for moment in range(12)]
    woven = [even.copy() for even in fields[::2]]
    for picture, odd in zip(woven, fields[1::2], strict=True):
        picture[1::2] = odd[1::2]
    options = {"x264-params": "interlaced=1"}
    write_clip(tmp_path / "clip.mp4", woven, options=options)
    write_clip(tmp_path / "mirrored.mp4", woven, options=options, matrix=(-1, 0, 0, 1))

    sampled = sample_frames(tmp_path / "clip.mp4", 6, 1)
    assert [frame.index for frame in sampled.frames] == list(range(6))
    assert [frame.time_s for frame in sampled.frames] == pytest.approx([i / 30 for i in range(6)])
    for frame, picture in zip(sampled.frames, woven, strict=True):
        assert combing(frame.pixels) < combing(picture) / 5
    mirrored = sample_frames(tmp_path / "mirrored.mp4", 6, 1)
    for frame, other in zip(sampled.frames, mirrored.frames, strict=True):
        assert (frame.pixels == other.pixels[:, ::-1]).all()


def combing(picture: np.ndarray) -> float:
    """How much a picture differs from row to row, mean over the pixels."""
    return float(np.abs(np.diff(picture.astype(float), axis=0)).mean())


def test_frames_whose_size_changes_keep_their_shape(odd_clips: OddClips) -> None:
    frames = sample_frames(odd_clips["size_change"], COUNT, STEP).frames
    assert {frame.pixels.shape for frame in frames[:4]} == {(240, 320, 3)}
    assert {frame.pixels.shape for frame in frames[4:]} == {(480, 640, 3)}
    assert difference(frames[-1].pixels, face_frame(640, 480, 180)) < 5


@pytest.mark.parametrize(
    ("ratio", "shape"),
    [
        (Fraction(64, 45), (96, 228)),
        (Fraction(2), (96, 320)),
        (Fraction(8, 9), (108, 160)),
        (Fraction(100, 101), (96, 160)),
        (Fraction(1), (96, 160)),
    ],
)
def test_pixels_become_square(tmp_path: Path, ratio: Fraction, shape: tuple[int, int]) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, numbered_frames(3), pixel_ratio=ratio)
    sampled = sample_frames(path, 3, 1)
    assert [frame.pixels.shape[:2] for frame in sampled.frames] == [shape] * 3
    wide = (cv2.resize(frame.pixels, (160, 96)) for frame in sampled.frames)
    assert [read_number(pixels) for pixels in wide] == [0, 1, 2]


def test_absurd_pixels_are_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", numbered_frames(1, 2000), pixel_ratio=Fraction(20))
    sampled = sample_frames(tmp_path / "a.mp4", 1, 1)
    assert sampled.status == VideoStatus.UNREADABLE
    assert "frames of 40000x96 pixels" in sampled.detail


def test_a_browsers_recording_is_spread_over_and_its_rate_measured(tmp_path: Path) -> None:
    path = tmp_path / "clip.webm"
    irregular_times(path)
    with av.open(path) as container:
        assert container.streams.video[0].average_rate == 1000
    for step in (None, 30):
        sampled = sample_frames(path, COUNT, step)
        assert (sampled.status, sampled.declared) == (VideoStatus.OK, 200)
        assert 30 < sampled.fps < 35
        assert sampled.bits_per_pixel == round(path.stat().st_size * 8 / (200 * 320 * 240), 6)


@pytest.mark.parametrize("count", [1, 7, 40])
def test_what_an_edit_list_hides_is_not_there(tmp_path: Path, count: int) -> None:
    path = tmp_path / "clip.mp4"
    with_edit_list(path, start=60, length=40)
    sampled = sample_frames(path, count, None)
    assert (sampled.status, sampled.declared) == (VideoStatus.OK, 40)
    numbers = [read_number(frame.pixels) for frame in sampled.frames]
    assert numbers == [60 + frame.index for frame in sampled.frames]
    assert [frame.time_s for frame in sampled.frames] == pytest.approx(
        [frame.index / 30 for frame in sampled.frames]
    )


def test_that_there_are_several_videos_is_noted(odd_clips: OddClips) -> None:
    assert "has 2 videos. Number 1, " in sample_frames(odd_clips["two_streams"], 1, 1).note
    second = sample_frames(odd_clips["second_stream_is_shown"], 1, 1).note
    assert "has 2 videos. Number 2, " in second
    assert sample_frames(odd_clips["plain"], 1, 1).note == ""


def test_greyscale_has_three_equal_channels(odd_clips: OddClips) -> None:
    for frame in sample_frames(odd_clips["greyscale"], COUNT, STEP).frames:
        assert (frame.pixels == frame.pixels[:, :, :1]).all()
        assert frame.pixels.std() > 30


@pytest.mark.parametrize(
    ("name", "fps", "second"), [("fps_5", 5, 6.0), ("fps_60", 60, 0.5), ("size_change", 30, 1.0)]
)
def test_fps_and_times(odd_clips: OddClips, name: str, fps: float, second: float) -> None:
    sampled = sample_frames(odd_clips[name], COUNT, STEP)
    assert sampled.fps == pytest.approx(fps)
    expected = [second * i for i in range(COUNT)]
    assert [frame.time_s for frame in sampled.frames] == pytest.approx(expected)


def test_times_of_a_variable_frame_rate_are_the_containers(odd_clips: OddClips) -> None:
    sampled = sample_frames(odd_clips["variable_frame_rate"], COUNT, 31)
    period = [0.0, 0.08, 0.10]  # seconds of three frames; they take 0.12
    expected = [0.12 * (i // 3) + period[i % 3] for i in range(0, COUNT * 31, 31)]
    assert [frame.time_s for frame in sampled.frames] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("told", "fps", "earlier", "expected"),
    [
        (1.5, 30.0, 1.0, 1.5),
        (0.0, 30.0, -float("inf"), 0.0),
        (float("nan"), 30.0, 1.0, 2.0),
        (float("inf"), 30.0, 1.0, 2.0),
        (-0.08, 30.0, -float("inf"), 2.0),
        (1.0, 30.0, 1.0, 2.0),
        (1.0, 0.0, 1.0, 0.0),
    ],
)
def test_time_is_counted_where_the_containers_is_not_sane(
    told: float, fps: float, earlier: float, expected: float
) -> None:
    assert video._time_s(told, 60, fps, earlier) == expected


@pytest.mark.parametrize("fps", [None, float("nan"), float("inf"), -1.0, 0.0, 90000.0])
def test_fps_that_can_not_be_is_unknown(fps: float | None) -> None:
    assert video._plausible_fps(fps) == 0.0


# What is wrong is told, and only there


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "does not exist"),
        ("empty", "is empty"),
        ("directory", "not a regular file"),
        ("fifo", "not a regular file"),
        ("without_index", "moov atom not found"),
        ("audio_only", "no video stream"),
        ("picture", "Format not on whitelist"),
        ("playlist_ffconcat", "Format not on whitelist"),
        ("huge", "8200x4400"),
        ("encrypted", "is encrypted"),
        ("cover_of_music", "no video stream"),
        ("unknown_codec", "not known here"),
        ("codec_parameters_broken", "could be decoded ("),
        ("short", "4 of 7 frames"),
        ("cut_in_the_middle", "only 100 could be decoded"),
    ],
)
def test_detail_names_the_cause(
    odd_clips: OddClips, capfd: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    path = odd_clips[name]
    capfd.readouterr()  # what the encoder said
    assert words in sample_frames(path, COUNT, STEP).detail
    assert capfd.readouterr() == ("", "")


def test_damage_in_the_middle_is_not_printed(
    odd_clips: OddClips, capfd: pytest.CaptureFixture[str]
) -> None:
    path = odd_clips["garbage_in_the_middle"]
    capfd.readouterr()  # what the encoder said
    sample_frames(path, COUNT, STEP)
    assert capfd.readouterr() == ("", "")


def _sample_as(user: int, path: Path, answer: Connection) -> None:
    if os.geteuid() == 0:
        os.setuid(user)
    path.stat()  # the folder lets this user in, so only the file can be what is refused
    answer.send(sample_frames(path, COUNT, STEP))


def test_file_without_permission_is_unreadable() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "clip.mp4"
        write_face_clip(path)
        assert sample_frames(path, COUNT, STEP).status == VideoStatus.OK
        path.chmod(0)
        # Root may read everything, so a child gives its rights up. Forked, since that user may not
        # be allowed to enter the folders that Python is installed in.
        answer, question = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        child = context.Process(target=_sample_as, args=(NOBODY, path, question))
        child.start()
        question.close()
        sampled = answer.recv()
        child.join()
    assert (sampled.status, sampled.frames) == (VideoStatus.UNREADABLE, ())
    assert "Permission denied" in sampled.detail


# Limits


def test_limits_change_nothing_for_a_good_clip(numbered: Path) -> None:
    assert same(sampled_within_limits(numbered), sample_frames(numbered, COUNT, STEP))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("costly_in_time", "more than 6 s of CPU time", marks=pytest.mark.slow),
        ("costly_in_memory", "more than 250 MB of memory"),
    ],
)
def test_what_costs_too_much_says_which(odd_clips: OddClips, name: str, words: str) -> None:
    detail = sampled_within_limits(odd_clips[name]).detail
    assert words in detail
    assert REMEDY in detail


def test_the_remedy_for_a_codec_that_is_not_read_is_another_codec(
    odd_clips: OddClips,
) -> None:
    assert "convert it to H.264 in MP4" in sampled_within_limits(odd_clips["unknown_codec"]).detail


@pytest.mark.parametrize("memory_mb", [2, 20, 40])
def test_memory_that_lacks_anywhere_is_told_as_such(tmp_path: Path, memory_mb: int) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, [np.full((2160, 3840, 3), 90, np.uint8)] * 3)
    # as in the workflow: a process that has run for long keeps freed memory, which is not counted
    arguments = (path, tmp_path / "o", 3, 1, 60, memory_mb, REMEDY)
    job = multiprocessing.get_context("spawn").Process(target=sample_to_file, args=arguments)
    job.start()
    job.join()
    assert job.exitcode == 0
    assert load_frames(tmp_path / "o").status == VideoStatus.TOO_COSTLY
    sample_to_file(path, tmp_path / "o", 3, 1, 60, 1000, REMEDY)
    assert load_frames(tmp_path / "o").status == VideoStatus.OK


def test_a_crash_of_the_decoder_is_a_status(
    numbered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(path: Path, count: int, step: int) -> SampledVideo:
        faulthandler.disable()  # pytest's would tell of the crash at length
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError

    monkeypatch.setattr(video, "sample_frames", crash)
    sample_to_file(numbered, tmp_path / "o", COUNT, STEP, **LIMITS, remedy=REMEDY)
    sampled = load_frames(tmp_path / "o")
    assert (sampled.status, sampled.frames) == (VideoStatus.UNREADABLE, ())
    assert "crashes the decoder (SIGSEGV)" in sampled.detail


# Untrusted files


@pytest.mark.parametrize("name", ["playlist_hls", "playlist_ffconcat"])
def test_playlist_is_not_followed(odd_clips: OddClips, name: str) -> None:
    target = odd_clips[name].with_name(f"{name}-target.mp4")
    assert sample_frames(target, COUNT, STEP).status == VideoStatus.OK
    assert sample_frames(odd_clips[name], COUNT, STEP).status == VideoStatus.UNREADABLE


def test_playlist_would_be_followed_without_the_whitelist(odd_clips: OddClips) -> None:
    with av.open(str(odd_clips["playlist_ffconcat"])) as container:
        assert next(container.decode(video=0)).width == 320


@pytest.mark.parametrize("level", [None, av.logging.DEBUG])
def test_the_level_of_messages_is_left_as_it_was(numbered: Path, level: int | None) -> None:
    before = av.logging.get_level()
    try:
        av.logging.set_level(level)
        sample_frames(numbered, 1, 1)
        assert av.logging.get_level() == level
    finally:
        av.logging.set_level(before)


def test_of_a_files_messages_only_some_are_kept(
    numbered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[tuple[int, str, str]] = [(16, "h264", "damaged")] * 10_000
    with video._open(numbered) as container:
        stream, _ = video._default_stream(container)
        assert stream
        video._decode(container, stream, [0], texts)
    assert len(texts) == video.MAX_MESSAGES


@pytest.mark.parametrize(
    "name",
    [
        *("é ü;x|y:z%03d.mp4", "-i.mp4", " .mp4", "'\"`$(touch x)&.mp4", "a\nb\t.mp4", "映像.mp4"),
        *(os.fsdecode(b"\xff.mp4"), "\u202egpj.mp4", "x" * 240 + ".mp4", "file:a,b;c.mp4"),
    ],
)
def test_strange_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_face_clip(tmp_path / "clip.mp4", length=2)
    (tmp_path / "clip.mp4").rename(path)
    assert sample_frames(path, 2, 1).status == VideoStatus.OK
    detail = sample_frames(path, 3, 1).detail
    assert "2 of 3 frames" in detail
    assert detail.isprintable()


def test_relative_path_and_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_face_clip(tmp_path / "clip.mp4", length=1)
    write_face_clip(tmp_path / "data:clip.mp4", length=1)  # FFmpeg's `data:` is a protocol
    (tmp_path / "link.mp4").symlink_to("clip.mp4")
    (tmp_path / "dangling.mp4").symlink_to("nothing.mp4")
    monkeypatch.chdir(tmp_path)
    assert sample_frames(Path("clip.mp4"), 1, 1).status == VideoStatus.OK
    assert sample_frames(Path("data:clip.mp4"), 1, 1).status == VideoStatus.OK
    assert sample_frames(Path("link.mp4"), 1, 1).status == VideoStatus.OK
    assert sample_frames(Path("dangling.mp4"), 1, 1).status == VideoStatus.MISSING
    assert sample_frames(Path("clip.mp4/clip.mp4"), 1, 1).status == VideoStatus.MISSING


# Saving


@st.composite
def sampled_videos(draw: st.DrawFn) -> SampledVideo:
    sizes = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    finite = st.floats(0, 1e6)
    return SampledVideo(
        status=draw(st.sampled_from(VideoStatus)),
        detail=draw(st.text(st.characters(exclude_characters="\0"), max_size=20)),
        fps=draw(finite),
        declared=draw(st.integers(0, 2**40)),
        bits_per_pixel=draw(finite),
        note=draw(st.text(st.characters(exclude_characters="\0"), max_size=20)),
        frames=tuple(
            Frame(
                draw(st.integers(0, 2**40)),
                draw(finite),
                rng.integers(0, 256, (*size, 3), np.uint8),
            )
            for size in sizes
        ),
    )


@given(sampled_videos())
def test_saved_frames_come_back(tmp_path_factory: pytest.TempPathFactory, v: SampledVideo) -> None:
    path = tmp_path_factory.mktemp("saved") / "frames.npz"
    save_frames(path, v)
    loaded = load_frames(path)
    assert same(loaded, v)
    assert isinstance(loaded.status, VideoStatus)
    save_frames(path.with_name("again.npz"), loaded)
    assert path.read_bytes() == path.with_name("again.npz").read_bytes()
    assert load_cache_key(path) == ""
    save_frames(path, v, "ab12")
    assert load_cache_key(path) == "ab12"
    assert same(load_frames(path), v)


def test_saved_file_has_no_pickle_no_date_and_no_compression(
    odd_clips: OddClips, tmp_path: Path
) -> None:
    path = tmp_path / "frames"
    save_frames(path, sample_frames(odd_clips["short"], COUNT, STEP))
    with zipfile.ZipFile(path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    with np.load(path, allow_pickle=False) as arrays:
        assert {arrays[name].dtype.kind for name in arrays} == {"U", "f", "i", "u"}

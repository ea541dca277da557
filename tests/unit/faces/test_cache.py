"""The face cache: entries are found by content, and never stale or damaged."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_project import IMPORT_OF, needed_packages
from workflow_scripts.faces.sample_frames import FACE_SCRIPTS
from workflow_scripts.lib.common.code_files import content_digest
from workflow_scripts.lib.faces.cache import (
    PACKAGES,
    entry_key,
    entry_path,
    is_intact,
    read_entry,
    write_entry,
)
from workflow_scripts.lib.faces.frames import SampledVideo, save_frames
from workflow_scripts.lib.faces.status import VideoStatus

SETTINGS = {"sampling": {"frames": 7}, "detector": {"min_face_size": 20}, "faces": {"scale": 1.3}}
FILES = {"crops": b"\0" * 1000, "status": b"{}"}


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"a video")
    return path


def test_the_name_of_a_video_does_not_matter(video):
    other = video.with_name("b.mp4")
    other.write_bytes(video.read_bytes())
    assert entry_key(video, SETTINGS, "code") == entry_key(other, SETTINGS, "code")


def test_the_location_of_the_code_does_not_matter(tmp_path):
    for place, names in (("here", ("a.py", "b.py")), ("there", ("z.py", "c.py"))):
        (tmp_path / place).mkdir()
        for name, text in zip(names, ("one", "two"), strict=True):
            (tmp_path / place / name).write_text(text)
    here, there = (sorted((tmp_path / place).iterdir()) for place in ("here", "there"))
    assert content_digest(here) == content_digest(there) != content_digest(here[:1])


def test_every_package_that_computes_faces_is_listed():
    needed = {name for script in FACE_SCRIPTS for name in needed_packages(script)}
    known = {IMPORT_OF.get(name, name) for name in PACKAGES}
    assert needed - {"tensorflow"} <= known  # its faces go into no cache


def test_everything_else_matters(video, monkeypatch):
    keys = {entry_key(video, SETTINGS, "code")}
    for section in SETTINGS:
        keys.add(entry_key(video, {**SETTINGS, section: {"other": 1}}, "code"))
    keys.add(entry_key(video, SETTINGS, "edited"))
    video.write_bytes(b"another")
    keys.add(entry_key(video, SETTINGS, "edited"))
    monkeypatch.setattr("workflow_scripts.lib.faces.cache.version", lambda name: "9.9")
    keys.add(entry_key(video, SETTINGS, "edited"))
    assert len(keys) == 7


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.binary(max_size=50)))
def test_an_entry_keeps_its_files(tmp_path_factory, files):
    entry = entry_path(tmp_path_factory.mktemp("cache"), "ab12")
    assert not is_intact(entry)
    write_entry(entry, files)
    assert is_intact(entry)
    assert read_entry(entry) == files


def test_another_archive_is_no_entry(tmp_path):
    save_frames(tmp_path / "frames.npz", SampledVideo(VideoStatus.OK, "", 25.0, ()))
    assert read_entry(tmp_path / "frames.npz") is None


@pytest.mark.parametrize("place", [100, 500, -1])
def test_a_damaged_entry_is_not_used(tmp_path, place):
    entry = entry_path(tmp_path, "ab12")
    write_entry(entry, FILES)
    content = entry.read_bytes()
    entry.write_bytes(content[:place] if place < 0 else _flipped(content, place))
    assert not is_intact(entry)
    write_entry(entry, FILES)
    assert entry.read_bytes() == content


def _flipped(content, place):
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


def test_concurrent_writers_do_not_conflict(tmp_path):
    entry = entry_path(tmp_path, "ab12")
    writers = [threading.Thread(target=write_entry, args=(entry, FILES)) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert read_entry(entry) == FILES
    assert list(entry.parent.iterdir()) == [entry]

"""Plans for videos with finished faces: they are processed again only for a reason."""

import json
import os
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.faces import sample_frames
from workflow_scripts.lib.common import code_files
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import stamp
from workflow_scripts.lib.faces.finished import (
    LIMITS,
    MADE_FROM,
    MadeFrom,
    check_missing,
    has_faces,
    planned_attempt,
    planned_stamp,
    read_made_from,
    write_made_from,
)
from workflow_scripts.lib.faces.frames import SampledVideo, load_frames, save_frames
from workflow_scripts.lib.faces.status import VideoStatus

NO_LIMITS = b'{"status": "ok", "made_from": {"stamp": "1 1", "attempt": 1, "limits": {}}}'
SMALL = {"max_seconds": 10, "max_memory_mb": 100}


def finish(path, stamped="10 1", attempt=1, limits=SMALL, status="ok"):
    path.parent.mkdir(exist_ok=True)
    made = asdict(MadeFrom(stamped, attempt, limits))
    crops = 7 if stamped else 0
    path.write_text(json.dumps({"status": status, "crops": crops, MADE_FROM: made}))


def test_a_changed_file_has_another_stamp(tmp_path):
    path = tmp_path / "a.mp4"
    assert stamp(path) == stamp(tmp_path) == stamp(path / "below") == stamp("a\0b") == ""
    path.write_bytes(b"one")
    known = stamp(path)
    for later in (1_000_000_000_000_000_000, 9_000_000_000_000_000_000):  # older, and of tomorrow
        os.utime(path, ns=(later, later))
        assert stamp(path) not in ("", known)
    path.write_bytes(b"three")
    os.utime(path, ns=(later, later))
    assert stamp(path).startswith("5 ")


def test_a_missing_file_keeps_its_stamp(tmp_path):
    path, faces = tmp_path / "a.mp4", tmp_path / "faces/a.json"
    assert planned_stamp(str(path), faces) == ""
    finish(faces, "10 1")
    assert planned_stamp(str(path), faces) == "10 1"
    assert has_faces(faces)
    path.write_bytes(b"back")
    assert planned_stamp(str(path), faces) == stamp(path) != "10 1"
    finish(faces, "", status="missing")
    assert not has_faces(faces)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"status": "ok"}', NO_LIMITS]
)
def test_invalid_records_are_ignored(tmp_path, content):
    faces = tmp_path / "a.json"
    faces.write_bytes(content)
    assert planned_stamp("nowhere.mp4", faces) == ""
    assert planned_attempt(faces, SMALL) == 1
    assert not has_faces(faces)


def test_faces_of_an_older_version_are_faces(tmp_path):
    (tmp_path / "a.json").write_text('{"status": "ok", "crops": 7}')
    with pytest.raises(UserError, match="Their finished faces stay"):
        check_missing({"a": "gone.mp4"}, tmp_path, 20, 1.0)


@given(
    st.sampled_from(VideoStatus),
    *[st.fixed_dictionaries({name: st.integers(1, 3) for name in LIMITS})] * 2,
)
def test_only_a_video_that_a_limit_stopped_is_tried_again_and_only_once(
    tmp_path_factory, status, old, new
):
    faces = tmp_path_factory.mktemp("run") / "a.json"
    assert planned_attempt(faces, old) == 1
    finish(faces, limits=old, status=status)
    again = planned_attempt(faces, new)
    larger = any(new[name] > old[name] for name in LIMITS)
    assert again == (2 if larger and status is VideoStatus.TOO_COSTLY else 1)
    if again == 2:  # whatever the result of the second attempt
        for result in VideoStatus:
            finish(faces, attempt=2, limits=new, status=result)
            assert planned_attempt(faces, new) == 2


def test_the_frames_carry_what_they_were_made_from(tmp_path):
    path = tmp_path / "a.npz"
    save_frames(path, SampledVideo(VideoStatus.OK, "", 25.0, ()), "key")
    write_made_from(path, MadeFrom("10 1", 2, SMALL))
    assert read_made_from(path) == {"stamp": "10 1", "attempt": 2, "limits": SMALL}
    assert load_frames(path).fps == 25.0


def test_missing_videos_do_not_replace_their_faces(tmp_path):
    there = tmp_path / "there.mp4"
    there.write_bytes(b"1")
    paths = {f"v{n}": str(there) for n in range(8)} | {"v8": "gone.mp4", "v9": "gone too.mp4"}
    check_missing(paths, tmp_path, 20, 0.1)
    with pytest.raises(UserError, match=r"2 of 19 videos are not there, for example 'gone.mp4'"):
        check_missing(paths, tmp_path, 19, 0.1)
    finish(tmp_path / "v9.json")
    with pytest.raises(UserError, match=r"1 videos are needed again, .* not there: v9\. Their"):
        check_missing(paths, tmp_path, 20, 1.0)
    finish(tmp_path / "v9.json", "")  # it was missing before
    check_missing(paths, tmp_path, 20, 0.1)


def test_a_machine_without_the_videos_leaves_finished_faces(tmp_path):
    faces, output = tmp_path / "faces/a.json", tmp_path / "a.npz"
    given = {
        "path": tmp_path / "gone.mp4",
        "stamp": "10 1",
        "attempt": 1,
        "sampling": {"frames": 7, "stride": 30},
        "max_seconds": 60,
        "max_memory_mb": 500,
        "detector": {},
        "faces": {},
        "face_cache": None,
        "finished": faces,
        "frames": output,
    }
    sample_frames.main(**given)
    assert load_frames(output).status is VideoStatus.MISSING
    output.unlink()
    finish(faces)
    with pytest.raises(UserError, match=r"gone\.mp4' is not there, .* on this machine"):
        sample_frames.main(**given)
    assert not output.exists()


def test_the_cache_key_does_not_depend_on_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    here = sample_frames._cache_key(tmp_path / "a.mp4", {})
    monkeypatch.chdir(tmp_path)
    code_files.code_digest.cache_clear()  # as in a process that starts there
    assert sample_frames._cache_key(tmp_path / "a.mp4", {}) == here

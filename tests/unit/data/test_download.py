"""Downloads from a faulty server: the complete file or none."""

import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.command_line import DEEPFAKE, deepfake
from tests.servers import (
    FAULTS,
    HALF,
    OTHER,
    TEXT_FAULTS,
    WHOLE,
    drop,
    give,
    mp4,
    redirect,
    say,
    serving,
)
from workflow_scripts.data import download as check_downloads
from workflow_scripts.data import download_video
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data import download
from workflow_scripts.lib.data.download import (
    RetryPolicy,
    fetch_text,
    file_url,
    find_missing,
    is_complete_mp4,
)
from workflow_scripts.lib.data.manifest import read_manifest

FILES = {"/a.mp4": WHOLE, "/elsewhere.mp4": WHOLE}


class Pauses(list):
    """Records the pauses, s, instead of waiting."""

    @property
    def retries(self):
        return RetryPolicy(attempts=4, first_wait=1, max_wait=8, sleep=self.append)


def fetch(server, target, pauses=None):
    pauses = Pauses() if pauses is None else pauses
    return download.download(f"{server.url}/a.mp4", target, retries=pauses.retries)


@pytest.mark.parametrize("name", FAULTS)
def test_complete_file_or_none(tmp_path, name):
    fault, target = FAULTS[name], tmp_path / "a.mp4"
    with serving(FILES, fault.plan) as server:
        if fault.refused:
            with pytest.raises(UserError, match=fault.refused):
                fetch(server, target)
            assert not target.exists()
        else:
            receipt = fetch(server, target)
            assert target.read_bytes() == fault.whole
            assert receipt.bytes == len(fault.whole)
            assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
        assert len(server.seen) == fault.requests


def test_interrupted_download_resumes(tmp_path):
    target = tmp_path / "a.mp4"
    with serving(FILES, [drop, *[partial(say, status=503)] * 4, give]) as server:
        with pytest.raises(UserError, match="it resumes the download"):
            fetch(server, target)
        assert (tmp_path / "a.mp4.part").read_bytes() == WHOLE[:HALF]
        fetch(server, target)
        assert server.seen[-1][1]["Range"] == f"bytes={HALF}-"
    assert target.read_bytes() == WHOLE


@pytest.mark.parametrize(
    "notes",
    ["", "{", "[]", '{"length": 9}', '{"length": 9, "mark": "x"}', '{"length": 2000, "mark": 5}'],
)
def test_invalid_partial_files_are_replaced(tmp_path, notes):
    (tmp_path / "a.mp4.part").write_bytes(OTHER[:1000])
    if notes:
        (tmp_path / "a.mp4.part.json").write_text(notes)
    with serving(FILES) as server:
        fetch(server, tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == WHOLE


def test_complete_partial_file_needs_no_request(tmp_path):
    (tmp_path / "a.mp4.part").write_bytes(WHOLE)
    (tmp_path / "a.mp4.part.json").write_text(json.dumps({"length": len(WHOLE), "mark": '"1"'}))
    with serving(FILES) as server:
        fetch(server, tmp_path / "a.mp4")
        assert server.seen == []
    assert (tmp_path / "a.mp4").read_bytes() == WHOLE


def test_complete_file_is_kept_and_incomplete_file_replaced(tmp_path):
    target = tmp_path / "a.mp4"
    for content, requests in ((WHOLE, 0), (WHOLE[:-1], 1), (mp4(9), 1), (b"", 1)):
        target.write_bytes(content)
        with serving(FILES) as server:
            fetch(server, target)
            assert len(server.seen) == requests
        assert target.read_bytes() == WHOLE


def test_pauses_grow_and_respect_retry_after(tmp_path):
    plan = [partial(say, status=503, Retry_After=after) for after in ("0", "nonsense", "30")]
    pauses = Pauses()
    with serving(FILES, [*plan, give]) as server:
        fetch(server, tmp_path / "a.mp4", pauses)
    first, second, third = pauses
    assert 1 <= first < second < 30 == third


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("", 0, 0),
        ("17", 17, 17),
        ("-3", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Thu, 31 Dec 2099 23:59:59 GMT", 1e8, 1e11),
        ("Thu, 99 Dec 2099", 0, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, low, high):
    assert low <= download._parse_retry_after(value) <= high


def test_rate_limit(tmp_path, monkeypatch):
    waited = Pauses()
    monkeypatch.setattr(download.time, "monotonic", lambda: 0.0)  # as if the network took no time
    with serving(FILES) as server:
        url = f"{server.url}/a.mp4"
        download.download(url, tmp_path / "a.mp4", rate_mb=0.1, retries=waited.retries)
    assert max(waited) == pytest.approx(len(WHOLE) / 0.1e6)
    assert waited == sorted(waited)


def test_progress_is_logged(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(download, "LOG_INTERVAL", 70_000)
    caplog.set_level("INFO")
    with serving({"/a.mp4": mp4(1_000_000)}, [drop, give]) as server:
        fetch(server, tmp_path / "a.mp4")
    progress = [text for text in caplog.messages if text.endswith("of 1 MB")]
    assert 12 <= len(progress) <= 14


def test_too_little_disk_space_is_reported_first(tmp_path, monkeypatch):
    left = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: left)
    with serving(FILES) as server, pytest.raises(UserError, match="Free some space"):
        fetch(server, tmp_path / "a.mp4")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_reported(tmp_path):
    with serving(FILES) as server:
        transfer = download._Transfer(None, "", tmp_path / "a.mp4", None, lambda s: None)
        transfer.part = Path("/dev/full")
        with (
            download.requests.get(f"{server.url}/a.mp4", stream=True, timeout=9) as answer,
            pytest.raises(UserError, match="No space left"),
        ):
            transfer._receive(answer, 0)


@given(st.integers(0, len(mp4(100)) - 1))
def test_truncated_mp4_is_incomplete(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("cut") / "a.mp4"
    path.write_bytes(mp4(100)[:length])
    assert not is_complete_mp4(path)


@given(st.binary(max_size=64))
def test_other_content_is_no_complete_mp4(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "a.mp4"
    path.write_bytes(content)
    assert not is_complete_mp4(path)


def test_complete_mp4_with_any_box_size(tmp_path):
    path = tmp_path / "a.mp4"
    long = b"\0\0\0\1mdat" + (16 + 5).to_bytes(8, "big") + b"abcde"
    open_end = b"\0\0\0\0mdatabcde"
    index = b"\0\0\0\x08moov"
    for content in (mp4(7), mp4(7)[:16] + index + long, mp4(7)[:16] + index + open_end):
        path.write_bytes(content)
        assert is_complete_mp4(path)


@pytest.mark.parametrize("name", TEXT_FAULTS)
def test_complete_text_or_none(name):
    fault = TEXT_FAULTS[name]
    with serving({"/list": WHOLE, "/elsewhere.mp4": WHOLE}, list(fault.plan)) as server:
        url, retries = f"{server.url}/list", Pauses().retries
        if name == "redirected_round":
            server.plan = [partial(redirect, to="/list")]
        if fault.refused:
            with pytest.raises(UserError, match=fault.refused) as refusal:
                fetch_text(url, retries)
            for word in ("resumes", "manifest", "video"):
                assert word not in str(refusal.value)
        else:
            assert fetch_text(url, retries) == WHOLE.decode()
        assert len(server.seen) == fault.requests


@pytest.mark.parametrize("server", ["http://localhost:99999", "http://[::1", "http://"])
def test_invalid_address_fails_at_once(server):
    pauses = Pauses()
    with pytest.raises(UserError, match=r"invalid address.*Check download\.server"):
        fetch_text(f"{server}/list", pauses.retries)
    assert not pauses


@pytest.mark.parametrize("status", [405, 501])
def test_server_without_head_gets_a_get_request(tmp_path, status):
    target = tmp_path / "a.mp4"
    for content, requests in ((WHOLE, 1), (WHOLE[:-1], 2)):
        target.write_bytes(content)
        with serving(FILES) as server:
            server.head = partial(say, status=status)
            fetch(server, target)
            assert len(server.seen) == requests
        assert target.read_bytes() == WHOLE


@pytest.mark.parametrize("path", ["ff/../x.mp4", "ff/a/../../../x.mp4", "ff/a/../x.mp4", "x.mp4"])
def test_nothing_is_written_outside_of_the_folder(tmp_path, path):
    with (
        serving(FILES) as server,
        pytest.raises(UserError, match="cannot be downloaded: it must start with"),
    ):
        download_video.main(
            server.url, tmp_path / "ff", tmp_path / path, None, tmp_path / "receipt.json"
        )
    assert server.seen == []
    assert not list(tmp_path.rglob("*"))


def test_address_of_a_file():
    place = Path("original_sequences/youtube/c23/videos/000.mp4")
    expected = "http://host/data/v3/original_sequences/youtube/c23/videos/000.mp4"
    assert file_url("http://host/data", place) == file_url("http://host/data/", place) == expected


# The commands

PAIRS = [["000", "003"], ["005", "007"]]


def config_for(folder, server, **selection):
    path = folder / "run.yaml"
    section = {"server": server, "folder": str(folder / "ff"), **selection}
    content = {"run": "ff", "manifest": str(folder / "ff.tsv"), "download": section}
    path.write_text(yaml.safe_dump(content))
    return path


def filelist(config, *options):
    return subprocess.run(
        [*DEEPFAKE, "filelist", str(config), *options],
        capture_output=True,
        text=True,
        check=False,
    )


def test_filelist_writes_a_manifest(tmp_path):
    files = {"/v3/misc/filelist.json": json.dumps(PAIRS).encode()}
    selection = {"methods": ["FaceSwap", "Deepfakes"], "compressions": ["c40"], "videos": 3}
    with serving(files) as server:
        result = filelist(config_for(tmp_path, server.url, **selection))
    assert result.returncode == 0, result.stderr
    videos = read_manifest(tmp_path / "ff.tsv")
    assert list(videos) == [
        *(f"original_c40_{name}" for name in ("000", "003", "005")),
        *(f"FaceSwap_c40_{name}" for name in ("000_003", "003_000", "005_007")),
        *(f"Deepfakes_c40_{name}" for name in ("000_003", "003_000", "005_007")),
    ]
    assert {video.split for video in videos.values()} == {""}
    place = tmp_path / "ff/manipulated_sequences/FaceSwap/c40/videos/003_000.mp4"
    assert videos["FaceSwap_c40_003_000"].path == str(place)


def test_filelist_adds_official_splits(tmp_path):
    for name, pairs in (("train", PAIRS[:1]), ("val", []), ("test", PAIRS[1:])):
        (tmp_path / f"{name}.json").write_text(json.dumps(pairs))
    with serving({"/v3/misc/filelist.json": json.dumps(PAIRS).encode()}) as server:
        result = filelist(config_for(tmp_path, server.url), "--splits", str(tmp_path))
    assert result.returncode == 0, result.stderr
    videos = read_manifest(tmp_path / "ff.tsv").values()
    assert {(video.target, video.split) for video in videos} == {
        *(("000", "train"), ("003", "train"), ("005", "test"), ("007", "test")),
    }


@pytest.mark.parametrize(
    "content",
    [b"html", b"{}", b'[["000"]]', b'[["../..", "003"]]', b"[[0, 3]]", b"\xff", b"[" * 99999],
)
def test_invalid_list_is_rejected(tmp_path, content):
    with serving({"/v3/misc/filelist.json": content}) as server:
        result = filelist(config_for(tmp_path, server.url))
    assert result.returncode == 1
    assert "is not a list of pairs" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "ff.tsv").exists()


def test_missing_server_is_reported(tmp_path):
    result = filelist(config_for(tmp_path, None))
    assert result.returncode == 1
    assert "download.server is empty" in result.stderr


def test_missing_downloads_are_reported(tmp_path):
    place = Path("original_sequences/youtube/c23/videos")
    receipts = [tmp_path / f"receipts/{name}.json" for name in "abcdef"]
    receipts[0].parent.mkdir()
    with serving({f"/v3/{place}/{receipt.stem}.mp4": WHOLE for receipt in receipts}) as server:
        for receipt in receipts:
            path = tmp_path / place / f"{receipt.stem}.mp4"
            download_video.main(server.url, tmp_path, path, None, receipt)
    check_downloads.main(receipts, tmp_path)
    (tmp_path / place / "a.mp4").unlink()
    os.truncate(tmp_path / place / "c.mp4", 9)
    for receipt, damage in zip(receipts[3:], ("{", "[]", '{"path": 3}'), strict=True):
        receipt.write_text(damage)
    assert find_missing(receipts) == [receipts[0], *receipts[2:]]
    with pytest.raises(UserError, match=r"5 of 6 videos .* for example a\."):
        check_downloads.main(receipts, tmp_path)
    assert [receipt for receipt in receipts if receipt.exists()] == [receipts[1]]


@pytest.mark.parametrize("content", [b"run: [", b"run: \xff"])
@pytest.mark.parametrize("command", [["filelist"], ["forget", "--video", "a"]])
def test_unreadable_config_is_reported(tmp_path, capsys, command, content):
    path = tmp_path / "run.yaml"
    path.write_bytes(content)
    assert deepfake(*command, path) == 1
    assert f"{command[0]}: The config {path} cannot be read" in capsys.readouterr().err

"""The store: round trips, whole shards, damage, and no incomplete store after a kill."""

import os
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.store import zarr_store
from workflow_scripts.lib.store.zarr_store import (
    StoredVideos,
    VideoCrops,
    find_damage,
    iter_crops,
    load_matrix,
    load_video_crops,
    marker_path,
    read_features,
    read_rows,
    write_features,
    write_store,
)

SIZE = 8
MADE_WITH = {"sampling": {"frames": 3}, "faces": {"size": SIZE}}


def make_videos(counts, seed=0):
    rng = np.random.default_rng(seed)
    for number, k in enumerate(counts):
        yield VideoCrops(
            video=f"v{number}",
            group=f"g{number // 2}",
            label=number % 2,
            crops=rng.integers(0, 256, (k, SIZE, SIZE, 3), np.uint8),
            columns={
                "frame": np.arange(k, dtype=np.int32) * 30,
                "time": np.arange(k, dtype=np.float64),
                "confidence": np.full(k, 0.95, np.float32),
                "box": rng.integers(-5, 100, (k, 4), np.int32),
                "keypoints": rng.random((k, 5, 2), np.float32),
            },
        )


def write(path, counts, videos_per_shard=2, videos=None):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zarr_store, "VIDEOS_PER_SHARD", videos_per_shard)
        write_store(path, videos or make_videos(counts), MADE_WITH, sum(counts))


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=9).filter(any),
    st.integers(1, 4),
    st.data(),
)
@settings(max_examples=25, deadline=None)
def test_a_store_keeps_crops_and_columns(tmp_path_factory, counts, videos_per_shard, data):
    path = tmp_path_factory.mktemp("store") / "store.zarr"
    write(path, counts, videos_per_shard)
    videos = list(make_videos(counts))
    crops = np.concatenate([video.crops for video in videos])
    rows = read_rows(path)
    assert rows.video.tolist() == [v.video for v in videos for _ in v.crops]
    assert rows.group.tolist() == [v.group for v in videos for _ in v.crops]
    assert rows.label.tolist() == [v.label for v in videos for _ in v.crops]
    assert rows.frame.tolist() == [f for v in videos for f in v.columns["frame"]]
    chosen = np.flatnonzero(
        data.draw(st.lists(st.booleans(), min_size=len(crops), max_size=len(crops)))
    )
    got = np.zeros_like(crops[chosen])
    for positions, block in iter_crops(path, chosen):
        got[positions] = block
    assert (got == crops[chosen]).all()
    root = zarr.open_group(path, mode="r")
    for name in ("box", "keypoints", "confidence", "time"):
        expected = np.concatenate([video.columns[name] for video in videos])
        assert (root[name][:] == expected).all()


def files_of(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def test_same_bytes_each_time_and_a_file_per_shard(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.zarr", [3] * 5)
    assert files_of(tmp_path / "a.zarr") == files_of(tmp_path / "b.zarr")
    shards = [name for name in files_of(tmp_path / "a.zarr") if name.startswith("crops/c/")]
    assert len(shards) == 3


@pytest.mark.parametrize("n", [2, 4])
def test_refuses_columns_of_another_length(tmp_path, n):
    first, *others = make_videos([3, 3])
    columns = {**first.columns, "frame": np.zeros(n, np.int32)}
    with pytest.raises(ValueError, match=f"v0: {n} rows of frame for 3"):
        write(tmp_path / "s", [3, 3], videos=[replace(first, columns=columns), *others])
    assert not (tmp_path / "s.json").exists()


def test_the_marker_depends_on_the_content(tmp_path):
    write(tmp_path / "a", [3] * 5)
    write(tmp_path / "b", [3] * 5, videos=make_videos([3] * 5, seed=1))
    write(tmp_path / "c", [3] * 5)
    a, b, c = (marker_path(tmp_path / name).read_bytes() for name in "abc")
    assert a == c != b


def test_an_old_store_is_replaced_completely(tmp_path):
    write(tmp_path / "s.zarr", [3] * 9)
    write(tmp_path / "s.zarr", [2])
    assert len(read_rows(tmp_path / "s.zarr").label) == 2
    assert len(list((tmp_path / "s.zarr/crops/c").iterdir())) == 1


def test_a_matrix_has_the_dtype_of_its_recipe(tmp_path):
    write(tmp_path / "s.zarr", [3, 3, 3])
    matrix = load_matrix(
        tmp_path / "s.zarr", np.array([1, 4, 8]), lambda crops: crops.reshape(len(crops), -1)[:, :5]
    )
    expected = np.concatenate([v.crops for v in make_videos([3, 3, 3])]).reshape(9, -1)
    assert matrix.dtype == np.uint8
    assert (matrix == expected[[1, 4, 8], :5]).all()


@pytest.mark.parametrize("n_rows", [5, 7])
def test_refuses_another_number_of_crops(tmp_path, n_rows):
    with pytest.raises(ValueError, match=f"Expected {n_rows} rows in .*crops, got 6"):
        write_store(tmp_path / "s.zarr", make_videos([3, 3]), MADE_WITH, n_rows)
    assert not (tmp_path / "s.zarr").exists()


def chunks_of(path):
    return sorted(f for f in path.rglob("c/**/*") if f.is_file())


@pytest.mark.parametrize("change", ["flip", "cut", "lose"])
@given(st.data())
@settings(max_examples=15, deadline=None)
def test_every_damaged_chunk_is_reported(tmp_path_factory, change, data):
    folder = tmp_path_factory.mktemp("store")
    write(folder / "s", [3] * 4)
    write_features(folder, "f", [np.zeros((12, 5), np.float32)], 12, "1")
    file = data.draw(st.sampled_from(chunks_of(folder)))
    path = folder / file.relative_to(folder).parts[0]
    assert not list(find_damage(path))
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if change == "flip":
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        file.write_bytes(content)
    elif change == "cut":
        file.write_bytes(content[:place])
    else:
        file.unlink()
    assert {damage.file for damage in find_damage(path)} == {file}
    name = "f" if path.name == "f.zarr" else file.relative_to(path).parts[0]
    with pytest.raises(UserError, match=f"is damaged: {name}, rows .*{file.relative_to(path)}"):
        read_everything(folder)


def read_everything(folder):
    """Read a store as training and feature extraction do."""
    read_rows(folder / "s")
    read_features(folder, "f", np.arange(12))
    stored = StoredVideos(folder / "s")
    for video in stored.names:
        stored.read(video, "")


def test_the_rows_of_a_flipped_bit_are_reported(tmp_path):
    write(tmp_path / "s.zarr", [3] * 4)
    shard = tmp_path / "s.zarr/crops/c/1/0/0/0"
    content = bytearray(shard.read_bytes())
    content[10] ^= 1  # in the shard's first chunk
    shard.write_bytes(content)
    with pytest.raises(UserError, match=r"crops, rows 6 to 8 \(crops/c/1/0/0/0: .*checksum"):
        list(iter_crops(tmp_path / "s.zarr", np.arange(12)))
    assert len(list(iter_crops(tmp_path / "s.zarr", np.arange(6)))) == 1  # the other shard is whole


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_crops_are_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("faces") / "v0.npz"
    (video,) = make_videos([3])
    np.savez(path, crops=video.crops, **video.columns)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        got = load_video_crops(path, "v0", "g0", 0)
    except UserError as error:
        assert str(path) in str(error)
    else:  # the flipped bit is not part of the content: a timestamp, for example
        assert (got.crops == video.crops).all()
        for name, values in video.columns.items():
            assert got.columns[name].dtype == values.dtype
            assert (got.columns[name] == values).all()


def test_damaged_metadata_is_reported(tmp_path):
    write(tmp_path / "s.zarr", [3] * 4)
    (tmp_path / "s.zarr/label/zarr.json").write_text("{")
    assert [damage.content for damage in find_damage(tmp_path / "s.zarr")] == ["label/zarr.json"]


def test_a_killed_writer_leaves_the_old_store(tmp_path):
    path = tmp_path / "store.zarr"
    write(path, [3] * 4)
    before = files_of(path)
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.unit.store.test_zarr_store import make_videos, write\n"
        "def dying():\n"
        "    for n, video in enumerate(make_videos([3] * 8)):\n"
        "        if n == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        yield video\n"
        "write(Path(sys.argv[1]), [3] * 8, videos=dying())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(path)], env={**os.environ}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert files_of(path) == before
    write(path, [3] * 8)
    assert len(read_rows(path).label) == 24
    assert {p.name for p in tmp_path.iterdir()} == {"store.zarr", "store.json"}


@pytest.mark.parametrize("failing", ["write_store", "write_features"])
def test_a_job_that_fails_leaves_the_old_tree(tmp_path, failing):
    path = tmp_path / "s.zarr"
    write(path, [3] * 4)
    write_features(tmp_path, "f", [np.ones((12, 5), np.float32)], 12, "1")
    before = files_of(tmp_path)

    def dying(values):
        yield from values[:2]
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        if failing == "write_store":
            write(path, [3] * 8, videos=dying([*make_videos([3] * 8)]))
        else:
            write_features(tmp_path, "f", dying([np.zeros((4, 5), np.float32)] * 3), 12, "1")
    after = files_of(tmp_path)
    assert {name: after[name] for name in before} == before
    assert all(name.startswith(".") for name in after.keys() - before.keys())


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.integers(1, 200), st.data())
@settings(max_examples=50, deadline=None)
def test_features_are_read_as_they_were_written(tmp_path_factory, counts, chunk_bytes, data):
    folder, n = tmp_path_factory.mktemp("features"), sum(counts)
    whole = np.random.default_rng(n).random((n, 3), np.float32)
    parts = np.split(whole, np.cumsum(counts)[:-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zarr_store, "MAX_CHUNK_BYTES", chunk_bytes)
        write_features(folder, "f", parts, n, "1")
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1)) if n else st.just(set()))), int)
    assert (read_features(folder, "f", rows) == whole[rows]).all()
    assert not list(find_damage(folder / "f.zarr"))


def test_only_the_requested_rows_are_held_in_memory(tmp_path):
    n, columns = 100_000, 256  # 102 MB
    part = np.ones((700, columns), np.float32)
    counts = [len(part)] * (n // len(part)) + [n % len(part)]
    tracemalloc.start()
    write_features(tmp_path, "f", (part[:count] for count in counts), n, "1")
    _, while_writing = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    rows = np.arange(50_000, 51_000)
    assert read_features(tmp_path, "f", rows).shape == (1000, columns)
    _, while_reading = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert while_writing < 30e6
    assert while_reading < 30e6
    assert len(chunks_of(tmp_path)) == 100


def test_reading_rows_opens_only_their_chunks(tmp_path):
    write_features(tmp_path, "f", [np.ones((3000, 4), np.float32)], 3000, "1")
    for number in (0, 2):
        (tmp_path / f"f.zarr/c/{number}/0").unlink()
    assert read_features(tmp_path, "f", np.arange(1000, 2000)).all()


def test_videos_are_read_from_a_finished_store_as_they_were_written(tmp_path):
    counts = [3, 0, 2, 1]
    write(tmp_path / "s.zarr", counts)
    stored = StoredVideos(tmp_path / "s.zarr")
    assert stored.made_with == MADE_WITH
    assert stored.names == ("v0", "v2", "v3")
    for video in make_videos(counts):
        if len(video.crops):
            got = stored.read(video.video, video.group)
            assert (got.video, got.group, got.label) == (video.video, video.group, video.label)
            assert (got.crops == video.crops).all()
            assert got.columns.keys() == video.columns.keys()
            assert all(
                (got.columns[name] == values).all() for name, values in video.columns.items()
            )

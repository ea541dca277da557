"""The Zarr store of a run: all crops, and what is known about each.

Layout (Zarr v3, one row per crop, rows in the manifest's order)

- `crops` (n, size, size, 3) uint8 RGB; one chunk holds as many rows as a video has frames,
  one shard (a file) many videos
- `label` uint8, `frame` int32, `time` float64 (s), `confidence` float32, `box` (n, 4) int32,
  `keypoints` (n, 5, 2) float32
- `video`, `group` strings

The group's attribute `made_with` holds the settings that the crops were made with: stores are
joined only where these agree.

Feature sets, which are computed from the crops, lie in a folder beside the store: `{name}.zarr`, an
array (n, features).

Each of these trees has a marker beside it, `store.json` and `{name}.json`, which is written last
and holds a digest of the content. Markers are what the workflow's rules declare as output and
input: Snakemake deletes a job's outputs before it starts and when it fails, and a tree must survive
both.

A tree has one writer. It writes whole shards or chunks beside the final name and puts the new tree
in the place of the old one at the end, so that a killed job never leaves half of one. Every chunk
is written, and ends with a CRC-32C of its compressed bytes, so that no flipped bit and no lost file
can pass for crops: Zarr alone would read zeros where a file is missing. Readers name what is
damaged.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import write_json

__all__ = [
    "Damage",
    "Rows",
    "StoredVideos",
    "VideoCrops",
    "features_version",
    "find_damage",
    "iter_crops",
    "load_matrix",
    "load_video_crops",
    "made_with",
    "marker_of",
    "read_features",
    "read_rows",
    "write_features",
    "write_store",
]

PER_CROP = {
    "label": (np.uint8, ()),
    "frame": (np.int32, ()),
    "time": (np.float64, ()),
    "confidence": (np.float32, ()),
    "box": (np.int32, (4,)),
    "keypoints": (np.float32, (5, 2)),
}

ENCODED: dict[str, Any] = {
    "compressors": (ZstdCodec(level=3), Crc32cCodec()),
    "config": {"write_empty_chunks": True},  # or a lost file could not be told from an empty one
}
CHUNK_BYTES, CHUNK_ROWS = 4_000_000, 1000  # a chunk of features has at most
VIDEOS_PER_SHARD = 32  # 69 MB of crops, which are held while the file is written
UNREADABLE = (ValueError, RuntimeError, TypeError, IndexError, KeyError, OSError)


@dataclass(frozen=True)
class Damage:
    """A file of the store that can't be read, what stands in it, and why."""

    file: Path
    content: str
    why: str


@dataclass(frozen=True)
class VideoCrops:
    """One video's contribution: its crops (k, size, size, 3), their columns, and who it is."""

    video: str
    group: str
    label: int
    crops: np.ndarray
    columns: dict[str, np.ndarray]


@dataclass(frozen=True)
class Rows:
    """What is known about the store's rows; every array has n entries."""

    label: np.ndarray
    video: np.ndarray
    group: np.ndarray
    frame: np.ndarray


def load_video_crops(path: Path, video: str, group: str, label: int) -> VideoCrops:
    """Read one video's `faces/{video}.npz` (see `faces.save_faces`).

    Raises
    ------
    UserError
        The file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # before anything is believed: numpy may stop reading where no checksum is compared
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"the checksum of {damaged} does not fit")
        with np.load(path, allow_pickle=False) as saved:
            columns = {name: saved[name] for name in PER_CROP if name != "label"}
            return VideoCrops(video, group, label, saved["crops"], columns)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, *UNREADABLE) as error:
        raise UserError(
            f"The faces {path} are damaged ({error}). Delete the file and run snakemake again."
        ) from error


def write_store(
    path: Path,
    videos: Iterable[VideoCrops],
    made_with: dict[str, Any],
    n_rows: int,
    size: int,
    rows_per_chunk: int,
    chunks_per_shard: int = VIDEOS_PER_SHARD,
) -> None:
    """Write the store at `path`, replacing one that is there, and its marker.

    Parameters
    ----------
    path : Path
        The store, by its marker or its tree, as in all functions here.
    videos : iterable of VideoCrops
        Taken one after another; no more than a shard is held in memory.
    made_with : dict
        The config's sections that crops follow from.
    n_rows : int
        Number of crops in all `videos` together.
    size : int
        Side of the crops in pixels.
    rows_per_chunk, chunks_per_shard : int
        Layout of `crops`.

    Raises
    ------
    ValueError
        `videos` held another number of crops than `n_rows`.
    """
    tree = path.with_suffix(".zarr")
    aside = tree.with_name(f".{tree.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    root = zarr.create_group(aside, zarr_format=3)
    rows_per_shard = rows_per_chunk * chunks_per_shard
    crops = root.create_array(
        "crops",
        shape=(n_rows, size, size, 3),
        dtype=np.uint8,
        chunks=(rows_per_chunk, size, size, 3),
        shards=(rows_per_shard, size, size, 3),
        dimension_names=("row", "y", "x", "rgb"),
        **ENCODED,
    )
    columns = {name: np.empty((n_rows, *shape), dtype) for name, (dtype, shape) in PER_CROP.items()}
    names: dict[str, list[str]] = {"video": [], "group": []}

    digest = hashlib.blake2b(digest_size=16)
    shard = np.empty((rows_per_shard, size, size, 3), np.uint8)
    start = 0
    for video in videos:
        stop = start + len(video.crops)
        if stop > n_rows:
            raise ValueError(f"more than the {n_rows} crops that were announced")
        columns["label"][start:stop] = video.label
        for name, values in video.columns.items():
            columns[name][start:stop] = values
        names["video"] += [video.video] * len(video.crops)
        names["group"] += [video.group] * len(video.crops)
        digest.update(video.crops.tobytes())
        for row, crop in enumerate(video.crops, start=start):
            shard[row % rows_per_shard] = crop
            if (row + 1) % rows_per_shard == 0:
                crops[row + 1 - rows_per_shard : row + 1] = shard
        start = stop
    if start != n_rows:
        raise ValueError(f"{start} crops came, {n_rows} were announced")
    if n_rows % rows_per_shard:
        crops[n_rows - n_rows % rows_per_shard :] = shard[: n_rows % rows_per_shard]

    for name, values in columns.items():
        digest.update(values.tobytes())
        _write_column(root, name, values)
    for name, texts in names.items():
        digest.update("\n".join(texts).encode())
        _write_column(root, name, np.array(texts, dtype=np.dtypes.StringDType()))
    root.attrs["made_with"] = made_with
    _put_in_place(aside, tree)
    told = {"rows": n_rows, "digest": digest.hexdigest(), "made_with": made_with}
    write_json(marker_of(tree), told)


def marker_of(tree: Path) -> Path:
    """Where the marker of a tree lies."""
    return tree.with_suffix(".json")


def _put_in_place(aside: Path, path: Path) -> None:
    """Put a finished tree in the place of an old one, as a whole: readers see one or the other."""
    old = path.with_name(f".{path.name}.old.partial")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    aside.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _write_column(root: zarr.Group, name: str, values: np.ndarray) -> None:
    array = root.create_array(
        name,
        shape=values.shape,
        dtype=str if values.dtype.kind == "T" else values.dtype,
        chunks=values.shape,
        **ENCODED,
    )
    array[...] = values


class StoredVideos:
    """The videos of a finished store, read one at a time.

    Attributes
    ----------
    made_with : dict
        What `write_store` was told.
    names : tuple of str
        The videos that have crops, in the store's order.
    """

    def __init__(self, path: Path) -> None:
        """Open the store at `path`; the crops stay on disk."""
        self.made_with = made_with(path)
        self._path = path.with_suffix(".zarr")
        self._columns = {name: _read(self._path, name) for name in PER_CROP}
        videos = read_rows(path).video
        # a video's rows stand together
        names, first, count = np.unique(videos, return_index=True, return_counts=True)
        self._rows = {
            str(names[i]): slice(int(first[i]), int(first[i] + count[i])) for i in np.argsort(first)
        }
        self.names = tuple(self._rows)

    def read(self, video: str, group: str) -> VideoCrops:
        """One video, as a member of `group`."""
        rows = self._rows[video]
        columns = {name: values[rows] for name, values in self._columns.items()}
        label = int(columns.pop("label")[0])
        return VideoCrops(video, group, label, _read(self._path, "crops", rows), columns)


def made_with(path: Path) -> dict[str, Any]:
    """The settings that the crops of the store at `path` were made with."""
    settings: Any = zarr.open_group(path.with_suffix(".zarr"), mode="r").attrs["made_with"]
    return settings


def read_rows(path: Path) -> Rows:
    """Read what is known about the rows of the store at `path`."""
    label, video, group, frame = (
        _read(path.with_suffix(".zarr"), name) for name in ("label", "video", "group", "frame")
    )
    return Rows(label, np.array(video.tolist(), str), np.array(group.tolist(), str), frame)


def iter_crops(path: Path, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read chosen crops a shard at a time, so that memory stays bounded.

    Parameters
    ----------
    path : Path
        The store.
    rows : (k,) int
        Rows in ascending order.

    Yields
    ------
    (positions, crops)
        Positions in `rows`, and the crops (m, size, size, 3) uint8 that belong there.
    """
    tree = path.with_suffix(".zarr")
    crops = zarr.open_array(tree / "crops", mode="r")
    yield from _read_blocks(tree, "crops", rows, (crops.shards or crops.chunks)[0])


def _read_blocks(
    path: Path, name: str, rows: np.ndarray, at_once: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chosen rows of an array, by blocks of `at_once` rows of it: positions in `rows`, and what
    belongs there."""
    for number in np.unique(rows // at_once):
        start = number * at_once
        positions = np.flatnonzero(rows // at_once == number)
        block = _read(path, name, slice(start, start + at_once))
        yield positions, block[rows[positions] - start]


def load_matrix(
    path: Path, rows: np.ndarray, extract: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Turn chosen crops into a matrix (k, features) of `extract`'s dtype, a shard at a time.

    `rows` (k,) is ascending; `extract` takes crops (m, size, size, 3) and gives (m, features).
    """
    matrix = np.empty((0, 0))
    for positions, crops in iter_crops(path, rows):
        part = extract(crops)
        if not matrix.size:
            matrix = np.empty((len(rows), part.shape[1]), part.dtype)
        matrix[positions] = part
    return matrix


def write_features(
    folder: Path, name: str, parts: Iterable[np.ndarray], n_rows: int, version: str
) -> None:
    """Write the feature set `name` of a store into a folder, replacing what is there.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    name : str
        The feature set, with its side.
    parts : iterable of (k, features) arrays
        Of one dtype, at least one of them, in the store's order. One after another is taken; no
        more than one and a chunk are held in memory.
    n_rows : int
        Number of rows in all parts together.
    version : str
        The recipe's.

    Raises
    ------
    ValueError
        The parts held another number of rows than `n_rows`.
    """
    waiting = iter(parts)
    first = next(waiting)
    final = folder / f"{name}.zarr"
    aside = final.with_name(f".{final.name}.partial")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(aside, ignore_errors=True)
    rows_per_chunk = max(
        1, min(n_rows, CHUNK_ROWS, CHUNK_BYTES // (first.shape[1] * first.itemsize))
    )
    array = zarr.create_array(
        aside,
        shape=(n_rows, first.shape[1]),
        dtype=first.dtype,
        chunks=(rows_per_chunk, first.shape[1]),
        dimension_names=("row", "feature"),
        **ENCODED,
    )
    digest = hashlib.blake2b(digest_size=16)
    start = 0
    for block in _blocks(itertools.chain([first], waiting), rows_per_chunk):
        stop = start + len(block)
        if stop > n_rows:
            raise ValueError(f"more rows of features came than the {n_rows} of the store")
        digest.update(block.tobytes())
        array[start:stop] = block
        start = stop
    if start != n_rows:
        raise ValueError(f"{start} rows of features came for a store of {n_rows}")
    _put_in_place(aside, final)
    told = {"rows": n_rows, "digest": digest.hexdigest(), "version": version}
    write_json(marker_of(final), told)


def _blocks(parts: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """The same rows in arrays of `rows` each; the last may be shorter."""
    left: list[np.ndarray] = []
    for part in parts:
        left.append(part)
        while (count := sum(map(len, left))) >= rows:
            whole = np.concatenate(left)
            yield whole[:rows]
            left = [whole[rows:]] if count > rows else []
    if any(map(len, left)):
        yield np.concatenate(left)


def read_features(folder: Path, name: str, rows: np.ndarray) -> np.ndarray:
    """Read chosen rows, (k,) int and ascending, of the feature set `name` in a folder: (k,
    features). No more than that and a chunk is held in memory."""
    path = folder / f"{name}.zarr"
    with _naming_damage(path):
        array = zarr.open_array(path, mode="r")
    matrix = np.empty((len(rows), array.shape[1]), array.dtype)
    for positions, block in _read_blocks(path, "", rows, array.chunks[0]):
        matrix[positions] = block
    return matrix


def features_version(folder: Path, name: str) -> str | None:
    """The recipe's version of the feature set `name` in a folder, if it is there."""
    try:
        told = json.loads(marker_of(folder / f"{name}.zarr").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return str(told["version"])


def find_damage(path: Path) -> Iterator[Damage]:
    """Read every chunk of the tree at `path`, and name what is missing or has a wrong checksum.

    What is wrong with a `zarr.json` is found where it can't be read; nothing guards its content.
    """
    for described in sorted(path.glob("**/zarr.json")):
        try:
            node = zarr.open(described.parent, mode="r")
        except UNREADABLE as error:
            yield Damage(described, str(described.relative_to(path)), str(error))
            continue
        if isinstance(node, zarr.Array):
            yield from _damaged_chunks(described.parent, node)


def _damaged_chunks(path: Path, array: zarr.Array) -> Iterator[Damage]:
    rows = array.chunks[0]
    for start in range(0, array.shape[0], rows):
        stop = min(start + rows, array.shape[0])
        file = _file_of_row(path, array, start)
        content = f"{path.stem}, rows {start} to {stop - 1}"
        if not file.exists():
            yield Damage(file, content, "the file is missing")
            continue
        try:
            array[start:stop]
        except UNREADABLE as error:
            yield Damage(file, content, str(error).partition(".")[0])


def _file_of_row(folder: Path, array: zarr.Array, row: int) -> Path:
    """Where a row is kept. Chunks and shards divide an array by its rows only."""
    number = row // (array.shards or array.chunks)[0]
    return folder / "/".join(["c", str(number), *["0"] * (array.ndim - 1)])


def _read(path: Path, name: str, rows: slice = slice(None)) -> np.ndarray:
    """Rows of one of a tree's arrays.

    Raises
    ------
    UserError
        They are damaged: names the file and the rows.
    """
    with _naming_damage(path):
        array = zarr.open_array(path / name, mode="r")
        start, stop, _ = rows.indices(array.shape[0])
        per_file = (array.shards or array.chunks)[0]
        for row in range(start - start % per_file if stop > start else stop, stop, per_file):
            if not (file := _file_of_row(path / name, array, row)).exists():
                raise FileNotFoundError(file)
        return np.asarray(array[rows])


@contextlib.contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        damaged = list(find_damage(path))
        if not damaged:
            raise
        shown = "; ".join(f"{d.content} ({d.file.relative_to(path)}: {d.why})" for d in damaged[:5])
        more = f"; and {len(damaged) - 5} more" if len(damaged) > 5 else ""
        raise UserError(
            f"{path} is damaged: {shown}{more}. Delete {marker_of(path)} and run snakemake again, "
            "which makes it anew."
        ) from error

"""The Zarr store of a run: the crops of all videos and their columns, one row per crop in the
manifest's order, and feature sets computed from them. `docs/store.md` describes the layout.

Each tree, `store.zarr` or a feature set's `{name}.zarr`, has a marker beside it, `store.json` or
`{name}.json`, which is written last. The workflow's rules declare the markers, not the trees, as
output and input, because Snakemake deletes a job's outputs before it starts and when it fails.

A tree has one writer, which renames a temporary tree at the end, so a killed job never leaves an
incomplete one. Every chunk is written and ends with a CRC-32C of its compressed bytes, and readers
check that its file exists: Zarr alone would read zeros from a missing file.
"""

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

FACE_COLUMNS = {
    "frame": np.int32,
    "time": np.float64,
    "confidence": np.float32,
    "box": np.int32,
    "keypoints": np.float32,
}
TEXT = np.dtypes.StringDType()
COLUMNS: dict[str, Any] = {"label": np.uint8, **FACE_COLUMNS, "video": TEXT, "group": TEXT}

ENCODING: dict[str, Any] = {
    "compressors": (ZstdCodec(level=3), Crc32cCodec()),
    # without it a chunk of zeros has no file, like a lost chunk
    "config": {"write_empty_chunks": True},
}
MAX_CHUNK_BYTES, MAX_CHUNK_ROWS = 4_000_000, 1000  # of features
VIDEOS_PER_SHARD = 32  # 69 MB of crops, in memory while the file is written
MAX_REPORTED = 5  # damaged files in a message
READ_ERRORS = (ValueError, RuntimeError, TypeError, IndexError, KeyError, OSError)


@dataclass(frozen=True)
class Damage:
    """An unreadable file of a tree, the rows in it, and why it can't be read."""

    file: Path
    content: str
    reason: str


@dataclass(frozen=True)
class VideoCrops:
    """The crops (k, size, size, 3) of one video and their columns, each with k rows."""

    video: str
    group: str
    label: int
    crops: np.ndarray
    columns: dict[str, np.ndarray]


@dataclass(frozen=True)
class Rows:
    """Columns of the store, each (n,)."""

    label: np.ndarray
    video: np.ndarray
    group: np.ndarray
    frame: np.ndarray


def load_video_crops(path: Path, video: str, group: str, label: int) -> VideoCrops:
    """Read one video's `faces/{video}.npz`; raises UserError if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            # NumPy may stop reading before the checksum is compared
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        with np.load(path, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in FACE_COLUMNS}
            return VideoCrops(video, group, label, arrays["crops"], columns)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, *READ_ERRORS) as error:
        raise UserError(
            f"The face crops {path} are damaged ({error}). Delete the file and run snakemake again."
        ) from error


def write_store(
    path: Path, videos: Iterable[VideoCrops], made_with: dict[str, Any], n_rows: int
) -> None:
    """Write or replace the store at `path` (its marker or its tree, as in all functions here).

    `videos` are read one at a time; at most a shard is held in memory. `made_with` holds the config
    sections `sampling`, `detector` and `faces`. Raises ValueError unless `videos` have `n_rows`
    crops, at least one, and each of their columns a row per crop.
    """
    tree = path.with_suffix(".zarr")
    size, rows_per_chunk = made_with["faces"]["size"], made_with["sampling"]["frames"]
    columns: dict[str, np.ndarray] = {}

    def collect_columns() -> Iterator[np.ndarray]:
        start = 0
        for video in videos:
            stop = start + len(video.crops)
            for name, dtype in COLUMNS.items():
                values = video.columns.get(name)
                if values is None:  # label, video and group
                    values = np.full(len(video.crops), getattr(video, name), dtype)
                if len(values) != len(video.crops):
                    raise ValueError(
                        f"{video.video}: {len(values)} rows of {name} for {stop - start}"
                    )
                if name not in columns:
                    columns[name] = np.empty((n_rows, *values.shape[1:]), dtype)
                columns[name][start:stop] = values[: max(0, n_rows - start)]
            start = stop
            yield video.crops

    with _replace_tree(tree) as temporary:
        root = zarr.create_group(temporary, zarr_format=3)
        crops = root.create_array(
            "crops",
            shape=(n_rows, size, size, 3),
            dtype=np.uint8,
            chunks=(rows_per_chunk, size, size, 3),
            shards=(rows_per_chunk * VIDEOS_PER_SHARD, size, size, 3),
            dimension_names=("row", "y", "x", "rgb"),
            **ENCODING,
        )
        digest = _write_rows(crops, collect_columns())
        for name, values in columns.items():
            is_text = values.dtype == TEXT
            digest.update("\n".join(values).encode() if is_text else values.tobytes())
            dtype = str if is_text else values.dtype
            array = root.create_array(
                name, shape=values.shape, dtype=dtype, chunks=values.shape, **ENCODING
            )
            array[...] = values
        root.attrs["made_with"] = made_with
    marker = {"rows": n_rows, "digest": digest.hexdigest(), "made_with": made_with}
    write_json(marker_path(tree), marker)


def marker_path(tree: Path) -> Path:
    """The marker file of a tree."""
    return tree.with_suffix(".json")


@contextlib.contextmanager
def _replace_tree(tree: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `tree` if the block succeeds."""
    temporary, old = (tree.with_name(f".{tree.name}{end}") for end in (".partial", ".old.partial"))
    shutil.rmtree(temporary, ignore_errors=True)
    yield temporary
    shutil.rmtree(old, ignore_errors=True)
    if tree.exists():
        tree.rename(old)
    temporary.rename(tree)
    shutil.rmtree(old, ignore_errors=True)


def _write_rows(array: zarr.Array, parts: Iterable[np.ndarray]) -> hashlib.blake2b:
    """Write the rows of `parts`, a whole file at a time; return a hash of their bytes."""
    n_rows, rows_per_file = array.shape[0], _rows_per_file(array)
    buffer = np.empty((rows_per_file, *array.shape[1:]), array.dtype)
    digest, stop = hashlib.blake2b(digest_size=16), 0
    for row in itertools.chain.from_iterable(parts):
        buffer[stop % rows_per_file] = row
        stop += 1
        if stop == n_rows or (stop < n_rows and stop % rows_per_file == 0):
            start = (stop - 1) // rows_per_file * rows_per_file
            array[start:stop] = buffer[: stop - start]
            digest.update(buffer[: stop - start].data)
    if stop != n_rows:
        raise ValueError(f"Expected {n_rows} rows in {array.store_path}, got {stop}.")
    return digest


class StoredVideos:
    """The videos of a finished store, read one at a time.

    `names` are the videos that have crops, in the store's order, `made_with` are the settings that
    the crops were made with.
    """

    def __init__(self, path: Path) -> None:
        self.made_with = made_with(path)
        self._tree = path.with_suffix(".zarr")
        self._columns = {name: _read(self._tree, name) for name in ("label", *FACE_COLUMNS)}
        # the rows of a video are contiguous
        names, first, count = np.unique(
            read_rows(path).video, return_index=True, return_counts=True
        )
        self._rows = {
            str(names[i]): slice(int(first[i]), int(first[i] + count[i])) for i in np.argsort(first)
        }
        self.names = tuple(self._rows)

    def read(self, video: str, group: str) -> VideoCrops:
        """Read one video, as a member of `group`."""
        rows = self._rows[video]
        columns = {name: values[rows] for name, values in self._columns.items()}
        label = int(columns.pop("label")[0])
        return VideoCrops(video, group, label, _read(self._tree, "crops", rows), columns)


def made_with(path: Path) -> dict[str, Any]:
    """The settings that the crops of the store at `path` were made with."""
    settings: Any = zarr.open_group(path.with_suffix(".zarr"), mode="r").attrs["made_with"]
    return settings


def read_rows(path: Path) -> Rows:
    """Read the columns `label`, `video`, `group` and `frame` of the store at `path`."""
    tree = path.with_suffix(".zarr")
    video, group = (np.array(_read(tree, name).tolist(), str) for name in ("video", "group"))
    return Rows(_read(tree, "label"), video, group, _read(tree, "frame"))


def iter_crops(path: Path, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read crops a shard at a time, to bound memory. `rows` are (k,) int in ascending order.

    Yields positions in `rows`, and their crops (m, size, size, 3) uint8.
    """
    yield from _read_blocks(path.with_suffix(".zarr"), "crops", rows)


def _read_blocks(
    tree: Path, name: str, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read rows of an array a file at a time: positions in `rows`, and their values."""
    rows_per_file = _rows_per_file(_open_array(tree, name))
    for number in np.unique(rows // rows_per_file):
        start = number * rows_per_file
        positions = np.flatnonzero(rows // rows_per_file == number)
        block = _read(tree, name, slice(start, start + rows_per_file))
        yield positions, block[rows[positions] - start]


def load_matrix(
    path: Path, rows: np.ndarray, extract: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Compute a matrix (k, features) from crops, a shard at a time.

    `rows` (k,) is ascending; `extract` maps crops (m, size, size, 3) to (m, features).
    """
    matrix = np.empty((0, 0))
    for positions, crops in iter_crops(path, rows):
        features = extract(crops)
        if not matrix.size:
            matrix = np.empty((len(rows), features.shape[1]), features.dtype)
        matrix[positions] = features
    return matrix


def write_features(
    folder: Path, name: str, parts: Iterable[np.ndarray], n_rows: int, version: str
) -> None:
    """Write or replace the feature set `name` (including its side) in a folder.

    `parts` are one or more arrays (k, features) of one dtype, in the store's order. At most one of
    them and a chunk are held in memory. `version` is the recipe's. Raises ValueError unless the
    parts have `n_rows` rows.
    """
    parts = iter(parts)
    first = next(parts)
    folder.mkdir(parents=True, exist_ok=True)
    tree = folder / f"{name}.zarr"
    row_bytes = first.shape[1] * first.itemsize
    rows_per_chunk = max(1, min(n_rows, MAX_CHUNK_ROWS, MAX_CHUNK_BYTES // row_bytes))
    with _replace_tree(tree) as temporary:
        array = zarr.create_array(
            temporary,
            shape=(n_rows, first.shape[1]),
            dtype=first.dtype,
            chunks=(rows_per_chunk, first.shape[1]),
            dimension_names=("row", "feature"),
            **ENCODING,
        )
        digest = _write_rows(array, itertools.chain([first], parts))
    marker = {"rows": n_rows, "digest": digest.hexdigest(), "version": version}
    write_json(marker_path(tree), marker)


def read_features(folder: Path, name: str, rows: np.ndarray) -> np.ndarray:
    """Read rows, (k,) int in ascending order, of the feature set `name`: (k, features). At most
    these and a chunk are held in memory."""
    tree = folder / f"{name}.zarr"
    array = _open_array(tree, "")
    matrix = np.empty((len(rows), array.shape[1]), array.dtype)
    for positions, block in _read_blocks(tree, "", rows):
        matrix[positions] = block
    return matrix


def features_version(folder: Path, name: str) -> str | None:
    """The recipe version of the feature set `name` in a folder; None if it is missing."""
    marker = marker_path(folder / f"{name}.zarr")
    if not marker.exists():
        return None
    return str(json.loads(marker.read_text(encoding="utf-8"))["version"])


def find_damage(tree: Path) -> Iterator[Damage]:
    """Read every chunk of a tree, and yield those that are missing or have a wrong checksum.

    A `zarr.json` has no checksum: it is reported only if it can't be read.
    """
    for metadata in sorted(tree.glob("**/zarr.json")):
        try:
            node = zarr.open(metadata.parent, mode="r")
        except READ_ERRORS as error:
            yield Damage(metadata, str(metadata.relative_to(tree)), str(error))
            continue
        if isinstance(node, zarr.Array):
            yield from _damaged_chunks(metadata.parent, node)


def _damaged_chunks(folder: Path, array: zarr.Array) -> Iterator[Damage]:
    rows = array.chunks[0]
    for start in range(0, array.shape[0], rows):
        stop = min(start + rows, array.shape[0])
        file = _file_path(folder, array, start)
        content = f"{folder.stem}, rows {start} to {stop - 1}"
        if not file.exists():
            yield Damage(file, content, "the file is missing")
            continue
        try:
            array[start:stop]
        except READ_ERRORS as error:
            yield Damage(file, content, str(error).partition(".")[0])


def _rows_per_file(array: zarr.Array) -> int:
    return (array.shards or array.chunks)[0]


def _file_path(folder: Path, array: zarr.Array, row: int) -> Path:
    """The file of a row. Chunks and shards split an array by rows only."""
    number = row // _rows_per_file(array)
    return folder.joinpath("c", str(number), *["0"] * (array.ndim - 1))


def _open_array(tree: Path, name: str) -> zarr.Array:
    with _report_damage(tree):
        return zarr.open_array(tree / name, mode="r")


def _read(tree: Path, name: str, rows: slice = slice(None)) -> np.ndarray:
    """Read rows of an array; raises UserError with files and rows if they are damaged."""
    array = _open_array(tree, name)
    start, stop, _ = rows.indices(array.shape[0])
    rows_per_file = _rows_per_file(array)
    with _report_damage(tree):
        first_row = start - start % rows_per_file if stop > start else stop
        for row in range(first_row, stop, rows_per_file):
            if not (file := _file_path(tree / name, array, row)).exists():
                raise FileNotFoundError(file)
        return np.asarray(array[rows])


@contextlib.contextmanager
def _report_damage(tree: Path) -> Iterator[None]:
    """Turn an error of reading a damaged tree into one that lists the damage."""
    try:
        yield
    except READ_ERRORS as error:
        damages = list(find_damage(tree))
        if not damages:
            raise
        lines = [f"{d.content} ({d.file.relative_to(tree)}: {d.reason})" for d in damages]
        if len(lines) > MAX_REPORTED:
            lines[MAX_REPORTED:] = [f"and {len(lines) - MAX_REPORTED} more"]
        raise UserError(
            f"{tree} is damaged: {'; '.join(lines)}. Delete {marker_path(tree)} and run snakemake "
            "again to rebuild it."
        ) from error

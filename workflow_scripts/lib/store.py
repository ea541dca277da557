"""The Zarr store of a run: all crops, and what is known about each.

Layout (Zarr v3, one row per crop, rows in the manifest's order)

- `crops` (n, size, size, 3) uint8 RGB; one chunk holds as many rows as a video has frames,
  one shard (a file) many videos
- `label` uint8, `frame` int32, `time` float64 (s), `confidence` float32, `box` (n, 4) int32,
  `keypoints` (n, 5, 2) float32
- `video`, `group` strings
- `features/{name}` (n, features), a feature set that was computed from the crops; its attribute
  `version` tells by which recipe

The group's attribute `digest` stands for all of that, so that a rebuilt store with other content is
seen as changed by what depends on its root. The attribute `made_with` holds the settings that the
crops were made with: stores are joined only where these agree.

The store has one writer. It writes whole shards beside the final name and renames at the end, so
that a killed job never leaves half a store. Every chunk carries a checksum.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

__all__ = [
    "Rows",
    "StoredVideos",
    "VideoCrops",
    "features_version",
    "iter_crops",
    "load_matrix",
    "load_video_crops",
    "made_with",
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
    """Read one video's `faces/{video}.npz` (see `faces.save_faces`)."""
    with np.load(path, allow_pickle=False) as saved:
        columns = {name: saved[name] for name in PER_CROP if name != "label"}
        return VideoCrops(video, group, label, saved["crops"], columns)


def write_store(
    path: Path,
    videos: Iterable[VideoCrops],
    made_with: dict[str, Any],
    n_rows: int,
    size: int,
    rows_per_chunk: int,
    chunks_per_shard: int,
) -> None:
    """Write the store at `path`, replacing one that is there.

    Parameters
    ----------
    path : Path
        Folder of the store.
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
    aside = path.with_name(f".{path.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    root = zarr.create_group(aside, zarr_format=3)
    rows_per_shard = rows_per_chunk * chunks_per_shard
    crops = root.create_array(
        "crops",
        shape=(n_rows, size, size, 3),
        dtype=np.uint8,
        chunks=(rows_per_chunk, size, size, 3),
        shards=(rows_per_shard, size, size, 3),
        compressors=ZstdCodec(level=3, checksum=True),
        dimension_names=("row", "y", "x", "rgb"),
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
    root.attrs.update({"digest": digest.hexdigest(), "made_with": made_with})
    shutil.rmtree(path, ignore_errors=True)
    aside.rename(path)


def _write_column(root: zarr.Group, name: str, values: np.ndarray) -> None:
    array = root.create_array(
        name,
        shape=values.shape,
        dtype=str if values.dtype.kind == "T" else values.dtype,
        chunks=values.shape,
        compressors=ZstdCodec(level=3, checksum=True),
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
        self._crops = zarr.open_array(path / "crops", mode="r")
        self._columns = {
            name: np.asarray(zarr.open_array(path / name, mode="r")[...]) for name in PER_CROP
        }
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
        return VideoCrops(video, group, label, np.asarray(self._crops[rows]), columns)


def made_with(path: Path) -> dict[str, Any]:
    """The settings that the crops of the store at `path` were made with."""
    settings: Any = zarr.open_group(path, mode="r").attrs["made_with"]
    return settings


def read_rows(path: Path) -> Rows:
    """Read what is known about the rows of the store at `path`."""
    label, video, group, frame = (
        np.asarray(zarr.open_array(path / name, mode="r")[...])
        for name in ("label", "video", "group", "frame")
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
    crops = zarr.open_array(path / "crops", mode="r")
    rows_per_shard = (crops.shards or crops.chunks)[0]
    for shard in np.unique(rows // rows_per_shard):
        start = shard * rows_per_shard
        positions = np.flatnonzero(rows // rows_per_shard == shard)
        block = np.asarray(crops[start : start + rows_per_shard])
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


def write_features(path: Path, name: str, matrix: np.ndarray, version: str) -> None:
    """Write `features/{name}` below `path`, the store or a folder that stands in for one; replaces
    what is there. `version` is the recipe's."""
    final = path / "features" / name
    aside = final.with_name(f".{name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    array = zarr.create_array(
        aside,
        shape=matrix.shape,
        dtype=matrix.dtype,
        chunks=matrix.shape,
        compressors=ZstdCodec(level=3, checksum=True),
        dimension_names=("row", "feature"),
    )
    array[...] = matrix
    digest = hashlib.blake2b(matrix.tobytes(), digest_size=16).hexdigest()
    array.attrs.update({"digest": digest, "version": version})
    shutil.rmtree(final, ignore_errors=True)
    aside.rename(final)


def read_features(path: Path, name: str) -> np.ndarray:
    """Read the feature set `features/{name}` below `path`, (n, features)."""
    return np.asarray(zarr.open_array(path / "features" / name, mode="r")[...])


def features_version(path: Path, name: str) -> str | None:
    """The recipe's version of the feature set `features/{name}` below `path`, if it is there."""
    try:
        version = zarr.open_array(path / "features" / name, mode="r").attrs.get("version")
    except FileNotFoundError:
        return None
    return None if version is None else str(version)

"""Duplicate video files, found by their bytes so that copies never end up on both sides of a split.

Only files of equal size can be equal, so only those are read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from workflow_scripts.lib.common.files import sha256
from workflow_scripts.lib.data.manifest import Video

__all__ = ["conflicting_labels", "mark_copies"]


def mark_copies(videos: Sequence[Video]) -> list[Video]:
    """The videos, in order, with `content` filled for files that have a copy.

    Unreadable files are skipped: the run reports them.
    """
    by_size = defaultdict(list)
    for video in videos:
        by_size[_size(video.path)].append(video.path)
    candidates = [
        path for size, paths in by_size.items() if size and len(paths) > 1 for path in paths
    ]
    hashes = {
        path: _hash(path)
        for path in tqdm(candidates, desc="Looking for copies", unit="file", disable=None)
    }
    count = Counter(filter(None, (hashes.get(video.path) for video in videos)))
    copies = {path: content for path, content in hashes.items() if count[content] > 1}
    return [replace(v, content=copies[v.path]) if v.path in copies else v for v in videos]


def conflicting_labels(videos: Iterable[Video]) -> list[tuple[Video, Video]]:
    """Pairs of copies with different labels, one pair per content."""
    first: dict[str, Video] = {}
    conflicts: dict[str, tuple[Video, Video]] = {}
    for video in videos:
        if video.content:
            other = first.setdefault(video.content, video)
            if other.label != video.label:
                conflicts.setdefault(video.content, (other, video))
    return list(conflicts.values())


def _size(path: str) -> int:
    file = Path(path)
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0


def _hash(path: str) -> str:
    try:
        return sha256(Path(path))
    except OSError:
        return ""

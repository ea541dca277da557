"""The same clip under two names: found by its bytes, so that it can't stand on both sides of a
split.

Only files of equal size can be equal, so only those are read: of a data set without duplicates
next to nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from workflow_scripts.lib.common.files import sha256
from workflow_scripts.lib.data.manifest import Video

__all__ = ["mark_copies", "two_labels"]


def mark_copies(videos: Sequence[Video]) -> list[Video]:
    """The videos, in their order, with `content` filled where another one has the same bytes.

    Files that can't be read are left alone: what is wrong with them, the run finds out.
    """
    same_size = defaultdict(list)
    for video in videos:
        size = _size(video.path)
        if size:
            same_size[size].append(video.path)
    suspects = [path for paths in same_size.values() if len(paths) > 1 for path in paths]
    hash_of = {}
    for path in tqdm(suspects, desc="Looking for copies", unit="file", disable=None):
        hash_of[path] = _hash(path)
    count = Counter(hash_of.get(video.path) for video in videos)
    return [
        replace(video, content=content) if content and count[content] > 1 else video
        for video in videos
        for content in [hash_of.get(video.path)]
    ]


def two_labels(videos: Iterable[Video]) -> list[tuple[Video, Video]]:
    """Pairs of copies of which one is called real and the other fake, one pair for each content."""
    first: dict[str, Video] = {}
    odd: dict[str, tuple[Video, Video]] = {}
    for video in videos:
        if video.content:
            other = first.setdefault(video.content, video)
            if other.label != video.label:
                odd.setdefault(video.content, (other, video))
    return list(odd.values())


def _size(path: str) -> int:
    file = Path(path)
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0


def _hash(path: str) -> str | None:
    try:
        return sha256(Path(path))
    except OSError:
        return None

"""Duplicate video files, found by their bytes so that copies never end up on both sides of a split.

Only files of equal size can be equal, so only those are read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from workflow_scripts.lib.common.files import sha256
from workflow_scripts.lib.data.manifest import Video


def mark_copies(videos: Sequence[Video]) -> list[Video]:
    """The videos, in order, with `content` filled for files that have a copy.

    Unreadable files are skipped: the run reports them.
    """
    by_size = defaultdict(list)
    for video in videos:
        path = Path(video.path)
        with suppress(OSError):
            if path.is_file():
                by_size[path.stat().st_size].append(video.path)
    by_size.pop(0, None)
    candidates = [path for paths in by_size.values() if len(paths) > 1 for path in paths]
    hashes: dict[str, str] = {}
    for name in tqdm(candidates, desc="Looking for copies", unit="file", disable=None):
        with suppress(OSError):
            hashes[name] = sha256(Path(name))
    count = Counter(hashes.get(video.path) for video in videos)
    copies = {path: content for path, content in hashes.items() if count[content] > 1}
    return [replace(video, content=copies.get(video.path, video.content)) for video in videos]


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

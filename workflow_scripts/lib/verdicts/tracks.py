"""Who is who in a video: faces of sampled frames that overlap are one person's."""

from __future__ import annotations

from collections.abc import Sequence

from workflow_scripts.lib.faces.crops import FaceCrop

__all__ = ["follow", "overlap"]

# Of two squares, their common area over that of both. Frames are about a second apart: a face that
# moved by three quarters of its width still counts as the same.
LEAST_OVERLAP = 0.1


def follow(found: Sequence[Sequence[FaceCrop]]) -> list[list[FaceCrop]]:
    """Join the faces of all frames, in order of time, to one track per person.

    Frame by frame, the pair of track and face that overlap most is taken first. A track whose
    person is not seen in a frame goes on in a later one. Longer tracks come first, of equals those
    that began first.
    """
    tracks: list[list[FaceCrop]] = []
    for faces in found:
        pairs = [
            (overlap(_square(track[-1]), _square(face)), -t, -f)
            for t, track in enumerate(tracks)
            for f, face in enumerate(faces)
        ]
        followed: set[int] = set()
        taken: set[int] = set()
        for shared, t, f in sorted(pairs, reverse=True):
            if shared >= LEAST_OVERLAP and -t not in followed and -f not in taken:
                tracks[-t].append(faces[-f])
                followed.add(-t)
                taken.add(-f)
        tracks += [[face] for f, face in enumerate(faces) if f not in taken]
    return sorted(tracks, key=len, reverse=True)


def overlap(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """Common area of two squares (left, top, side) over the area of both, 0 to 1."""
    width, height = (
        min(one[axis] + one[2], other[axis] + other[2]) - max(one[axis], other[axis])
        for axis in (0, 1)
    )
    shared = max(width, 0) * max(height, 0)
    return shared / (one[2] ** 2 + other[2] ** 2 - shared)


def _square(face: FaceCrop) -> tuple[int, int, int]:
    assert face.result.square is not None  # noqa: S101 (a crop always has one)
    return face.result.square

"""Who is who in a video: overlapping faces of sampled frames belong to one person."""

from __future__ import annotations

from collections.abc import Sequence

from workflow_scripts.lib.faces.crops import FaceCrop

__all__ = ["link_faces", "overlap"]

# Intersection over union of two squares. Frames are about a second apart: a face that moved by
# three quarters of its width still counts as the same.
MIN_OVERLAP = 0.1


def link_faces(frames: Sequence[Sequence[FaceCrop]]) -> list[list[FaceCrop]]:
    """Link the faces of all frames, in order of time, into one track per person.

    In each frame, the track and the face that overlap most are linked first. A track without a face
    in one frame can continue in a later one. Longer tracks come first; of equally long ones, those
    that began first.
    """
    tracks: list[list[FaceCrop]] = []
    for faces in frames:
        pairs = [
            (overlap(_square(track[-1]), _square(face)), -t, -f)
            for t, track in enumerate(tracks)
            for f, face in enumerate(faces)
        ]
        linked_tracks: set[int] = set()
        linked_faces: set[int] = set()
        for shared, t, f in sorted(pairs, reverse=True):
            if shared >= MIN_OVERLAP and -t not in linked_tracks and -f not in linked_faces:
                tracks[-t].append(faces[-f])
                linked_tracks.add(-t)
                linked_faces.add(-f)
        tracks += [[face] for f, face in enumerate(faces) if f not in linked_faces]
    return sorted(tracks, key=len, reverse=True)


def overlap(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """Intersection over union of two squares (left, top, side), 0 to 1."""
    width, height = (
        min(one[axis] + one[2], other[axis] + other[2]) - max(one[axis], other[axis])
        for axis in (0, 1)
    )
    shared = max(width, 0) * max(height, 0)
    return shared / (one[2] ** 2 + other[2] ** 2 - shared)


def _square(face: FaceCrop) -> tuple[int, int, int]:
    assert face.result.square is not None  # noqa: S101 (a crop always has one)
    return face.result.square

"""Face tracking: overlapping faces of successive sampled frames belong to one person."""

from collections.abc import Sequence

from workflow_scripts.lib.faces.crops import FaceCrop

# Frames are about a second apart: a face may move by three quarters of its width.
MIN_IOU = 0.1


def link_faces(frames: Sequence[Sequence[FaceCrop]]) -> list[list[FaceCrop]]:
    """Link the faces of all frames, in order of time, into one track per person.

    In each frame, pairs of track and face are linked by decreasing IoU. A track without a face in a
    frame can continue in a later one. Longer tracks come first; of equal lengths, the earlier.
    """
    tracks: list[list[FaceCrop]] = []
    for faces in frames:
        pairs = [
            (intersection_over_union(track[-1].result.square, face.result.square), -t, -f)
            for t, track in enumerate(tracks)
            for f, face in enumerate(faces)
        ]
        linked_tracks: set[int] = set()
        linked_faces: set[int] = set()
        for iou, t, f in sorted(pairs, reverse=True):
            if iou >= MIN_IOU and -t not in linked_tracks and -f not in linked_faces:
                tracks[-t].append(faces[-f])
                linked_tracks.add(-t)
                linked_faces.add(-f)
        tracks += [[face] for f, face in enumerate(faces) if f not in linked_faces]
    return sorted(tracks, key=len, reverse=True)


def intersection_over_union(
    one: tuple[int, int, int] | None, other: tuple[int, int, int] | None
) -> float:
    """Intersection over union of two squares (left, top, side), 0 to 1."""
    assert one and other  # noqa: S101 (crops always have a square)
    width, height = (
        min(one[axis] + one[2], other[axis] + other[2]) - max(one[axis], other[axis])
        for axis in (0, 1)
    )
    intersection = max(width, 0) * max(height, 0)
    return intersection / (one[2] ** 2 + other[2] ** 2 - intersection)

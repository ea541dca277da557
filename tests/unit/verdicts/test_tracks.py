"""Tracks: one per person, whatever comes and goes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.lib.faces.crops import FaceCrop, FrameResult
from workflow_scripts.lib.faces.status import FrameStatus
from workflow_scripts.lib.verdicts.tracks import intersection_over_union, link_faces

SQUARES = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40))


def face(frame, left, top=0, side=10):
    result = FrameResult(frame, float(frame), FrameStatus.OK, 1, 0.99, square=(left, top, side))
    return FaceCrop(np.zeros((1, 1, 3), np.uint8), result)


def indices_and_lefts(tracks):
    return [[(f.result.index, f.result.square[0]) for f in track] for track in tracks]


def test_two_people_who_move_are_two_tracks():
    frames = [[face(0, 0), face(0, 30)], [face(1, 33), face(1, 4)], [face(2, 36), face(2, 8)]]
    assert indices_and_lefts(link_faces(frames)) == [
        [(0, 0), (1, 4), (2, 8)],
        [(0, 30), (1, 33), (2, 36)],
    ]


def test_a_person_who_is_not_seen_for_a_while_stays_the_same():
    assert indices_and_lefts(link_faces([[face(0, 0)], [], [face(2, 3)]])) == [[(0, 0), (2, 3)]]


def test_a_cut_begins_a_new_track_and_longer_tracks_come_first():
    frames = [[face(0, 0)], [face(1, 50)], [face(2, 50)]]
    assert indices_and_lefts(link_faces(frames)) == [[(1, 50), (2, 50)], [(0, 0)]]


def test_the_nearer_face_is_taken():
    frames = [[face(0, 10)], [face(1, 3), face(1, 11)]]
    assert indices_and_lefts(link_faces(frames)) == [[(0, 10), (1, 11)], [(1, 3)]]


def test_nobody_is_no_track():
    assert link_faces([[], []]) == []


@given(st.lists(st.lists(SQUARES, max_size=4), max_size=6))
def test_every_face_is_in_one_track_and_no_track_is_twice_in_a_frame(drawn):
    frames = [[face(n, *square) for square in squares] for n, squares in enumerate(drawn)]
    tracks = link_faces(frames)
    assert sorted(id(f) for track in tracks for f in track) == sorted(
        id(f) for faces in frames for f in faces
    )
    for track in tracks:
        indices = [f.result.index for f in track]
        assert indices == sorted(set(indices))


@given(SQUARES, SQUARES)
def test_intersection_over_union_is_that_of_the_pixels(one, other):
    drawn = np.zeros((2, 100, 100), bool)
    for picture, (left, top, side) in zip(drawn, (one, other), strict=True):
        picture[top : top + side, left : left + side] = True
    expected = (drawn[0] & drawn[1]).sum() / (drawn[0] | drawn[1]).sum()
    assert intersection_over_union(one, other) == expected
    assert intersection_over_union(one, one) == 1

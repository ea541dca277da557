"""The frames of a verdict: as in training or as asked, and what that may cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.verdicts.frame_plan import (
    MOST,
    SPREAD,
    Wanted,
    check_enough,
    wanted_frames,
)

STUDY = {"frames": 7, "every": 30}
NUMBERS = st.integers(1, MOST)


def test_what_is_not_asked_for_is_as_in_training():
    assert wanted_frames(None, None, STUDY) == Wanted(7, 30, 120, 2000)
    assert wanted_frames(14, None, STUDY) == Wanted(14, 30, 240, 4000)
    assert wanted_frames(None, 60, STUDY) == Wanted(7, 60, 240, 2000)
    assert wanted_frames(3, 15, STUDY) == Wanted(3, 15, 120, 2000)
    assert wanted_frames(None, SPREAD, STUDY).every is None
    assert wanted_frames(None, SPREAD, STUDY).max_seconds > 120


def test_more_frames_get_more_memory_and_time():
    study, more, whole = (wanted_frames(*a, STUDY) for a in ((7, 30), (28, 60), (7, SPREAD)))
    assert (study.memory_mb, study.minutes) == (1500, 3)
    assert (more.memory_mb, more.minutes) == (2960, 8)
    assert (whole.memory_mb, whole.minutes) == (1500, 10)


@given(st.none() | NUMBERS, st.none() | NUMBERS | st.just(SPREAD))
def test_three_attempts_have_the_time_that_decoding_may_take(frames, every):
    wanted = wanted_frames(frames, every, STUDY)
    assert wanted.max_seconds >= 120
    assert wanted.max_memory_mb >= 2000
    assert 3 * 60 * wanted.minutes >= wanted.max_seconds
    assert wanted.memory_mb >= 1500


@pytest.mark.parametrize(("trained", "least"), [(7, 3), (3, 3), (2, 2), (1, 1)])
def test_too_few_frames_are_refused(trained, least):
    check_enough(None, {"frames": trained})
    check_enough(least, {"frames": trained})
    if least > 1:
        with pytest.raises(UserError, match=f"Ask for {least} frames or more"):
            check_enough(least - 1, {"frames": trained})

"""The frames of a verdict: as in training or as requested, and what decoding may cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.verdicts.frame_plan import (
    MAX_NUMBER,
    SPREAD,
    FramePlan,
    check_frame_count,
    plan_frames,
)

STUDY = {"frames": 7, "stride": 30}
NUMBERS = st.integers(1, MAX_NUMBER)


def test_what_is_not_requested_is_as_in_training():
    assert plan_frames(None, None, STUDY) == FramePlan(7, 30, 120, 2000)
    assert plan_frames(14, None, STUDY) == FramePlan(14, 30, 240, 4000)
    assert plan_frames(None, 60, STUDY) == FramePlan(7, 60, 240, 2000)
    assert plan_frames(3, 15, STUDY) == FramePlan(3, 15, 120, 2000)
    assert plan_frames(None, SPREAD, STUDY).stride is None
    assert plan_frames(None, SPREAD, STUDY).max_seconds > 120


def test_more_frames_get_more_memory_and_time():
    study, more, whole = (plan_frames(*a, STUDY) for a in ((7, 30), (28, 60), (7, SPREAD)))
    assert (study.memory_mb, study.minutes) == (1500, 3)
    assert (more.memory_mb, more.minutes) == (2960, 8)
    assert (whole.memory_mb, whole.minutes) == (1500, 10)


@given(st.none() | NUMBERS, st.none() | NUMBERS | st.just(SPREAD))
def test_three_attempts_have_the_time_that_decoding_may_take(frames, stride):
    plan = plan_frames(frames, stride, STUDY)
    assert plan.max_seconds >= 120
    assert plan.max_memory_mb >= 2000
    assert 3 * 60 * plan.minutes >= plan.max_seconds
    assert plan.memory_mb >= 1500


@pytest.mark.parametrize(("training_frames", "needed"), [(7, 3), (3, 3), (2, 2), (1, 1)])
def test_too_few_frames_are_refused(training_frames, needed):
    check_frame_count(None, {"frames": training_frames})
    check_frame_count(needed, {"frames": training_frames})
    if needed > 1:
        with pytest.raises(UserError, match=f"Ask for {needed} frames or more"):
            check_frame_count(needed - 1, {"frames": training_frames})

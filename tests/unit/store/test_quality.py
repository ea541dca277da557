"""Capture rates, and the limit on rejected videos."""

from pathlib import Path

import pandas as pd
import pytest

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.store.quality import capture_rates, check_rejected


def table(*crops, labels=None, status="ok"):
    labels = labels or ["real"] * len(crops)
    return pd.DataFrame(
        {
            "label": labels,
            "crops": crops,
            "frames_wanted": 7,
            "frames_sampled": 7,
            "status": [status if k else "no_face" for k in crops],
        }
    )


def test_capture_rates_per_label():
    rates = capture_rates(table(7, 7, 5, 0, labels=["real", "real", "fake", "fake"]))
    assert rates["label"].tolist() == ["real", "fake", "all"]
    assert rates["crops"].tolist() == [14, 5, 19]
    assert rates["frames_wanted"].tolist() == [14, 14, 28]
    assert rates["capture_rate"].tolist() == pytest.approx([1, 5 / 14, 19 / 28], abs=1e-6)
    assert rates["videos_with_crops"].tolist() == [2, 1, 3]


def test_a_label_without_videos_has_no_rate():
    assert pd.isna(capture_rates(table(7)).loc[1, "capture_rate"])


def test_few_rejected_videos_pass():
    check_rejected(table(7, 7, 7, 7, 7, 7, 7, 7, 7, 0), 0.1, Path("quality.tsv"))


def test_many_rejected_videos_stop_with_numbers_reasons_and_remedy():
    with pytest.raises(UserError) as caught:
        check_rejected(table(7, 7, 0, 0), 0.1, Path("quality.tsv"))
    for part in ("2 of 4", "2 no_face", "max_rejected_fraction = 0.1", "quality.tsv", "raise"):
        assert part in str(caught.value)


def test_a_run_without_crops_stops_whatever_the_limit():
    with pytest.raises(UserError, match="2 of 2"):
        check_rejected(table(0, 0), 1.0, Path("quality.tsv"))

"""The quality table: what sampling and face detection made of each video."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.manifest import Video, pair_with_files


def quality_table(
    videos: Iterable[Video], statuses: Sequence[Path], requested: int
) -> pd.DataFrame:
    """One row per video, in the manifest's order.

    `statuses` are the videos' `faces/{video}.json`, `requested` is the number of frames per video.
    """
    return pd.DataFrame(
        [
            _quality_row(video, json.loads(path.read_text(encoding="utf-8")), requested)
            for video, path in pair_with_files(videos, statuses)
        ]
    )


def _quality_row(video: Video, status: dict[str, Any], requested: int) -> dict[str, Any]:
    frames = status["frames"]
    counts = Counter(frame["status"] for frame in frames)
    confidences = [frame["confidence"] for frame in frames if frame["status"] == "ok"]
    return {
        "video_id": video.video_id,
        "label": video.label,
        "method": video.method,
        "compression": video.compression,
        "status": status["status"],
        "frames_wanted": requested,
        "frames_sampled": status["frames_sampled"],
        "crops": status["crops"],
        "no_face": counts["no_face"],
        "low_confidence": counts["low_confidence"],
        "turned": counts["turned"],
        "several_faces": sum(frame["faces"] > 1 for frame in frames),
        "lowest_confidence": round(min(confidences), 4) if confidences else None,
        "fps": round(status["fps"], 3),
        "bits_per_pixel": status["bits_per_pixel"],
        "detail": f"{status['detail']} {status['note']}".strip(),
    }


def capture_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Capture rate (crops per requested frame) of each label and of all videos."""
    table = pd.concat([table, table.assign(label="all")], ignore_index=True)
    table = table.assign(videos=1, videos_with_crops=table["crops"] > 0)
    columns = ["videos", "videos_with_crops", "frames_wanted", "frames_sampled", "crops"]
    labels = pd.Index([*(label.word for label in Label), "all"], name="label")
    rates = table.groupby("label")[columns].sum().reindex(labels, fill_value=0).reset_index()
    rates["capture_rate"] = [
        round(crops / requested, 6) if requested else None
        for crops, requested in zip(rates["crops"], rates["frames_wanted"], strict=True)
    ]
    return rates


def check_rejected(table: pd.DataFrame, max_fraction: float, path: Path) -> None:
    """Raise UserError if more than `max_fraction` of the videos, or all, have no crop. `path` is
    the file of the quality table."""
    rejected = table[table["crops"] == 0]
    if len(rejected) <= max_fraction * len(table) and len(rejected) < len(table):
        return
    reasons = ", ".join(f"{n} {name}" for name, n in rejected["status"].value_counts().items())
    raise UserError(
        f"{len(rejected)} of {len(table)} videos have no face crop ({reasons}), more than "
        f"quality.max_rejected_fraction = {max_fraction:g} allows. {path} gives the reason for "
        "each. Fix or remove those videos, or raise the limit."
    )

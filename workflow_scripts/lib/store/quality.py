"""What a run lost on its way from videos to crops, and whether it may go on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.manifest import Video, pair_with_files

__all__ = ["capture_rates", "check_rejected", "quality_row", "quality_table"]


def quality_table(videos: Iterable[Video], statuses: Sequence[Path], wanted: int) -> pd.DataFrame:
    """One row per video, in the manifest's order; `statuses` are its `faces/{video}.json`."""
    return pd.DataFrame(
        [
            quality_row(video, json.loads(status.read_text(encoding="utf-8")), wanted)
            for video, status in pair_with_files(videos, statuses)
        ]
    )


def quality_row(video: Video, status: dict[str, Any], wanted: int) -> dict[str, Any]:
    """What was wanted of a video, what was found, what was dropped, and why."""
    frames = status["frames"]
    sure = [frame["confidence"] for frame in frames if frame["status"] == "ok"]
    return {
        "video_id": video.video_id,
        "label": video.label,
        "method": video.method,
        "compression": video.compression,
        "status": status["status"],
        "frames_wanted": wanted,
        "frames_sampled": status["frames_sampled"],
        "crops": status["crops"],
        "no_face": sum(frame["status"] == "no_face" for frame in frames),
        "low_confidence": sum(frame["status"] == "low_confidence" for frame in frames),
        "turned": sum(frame["status"] == "turned" for frame in frames),
        "several_faces": sum(frame["faces"] > 1 for frame in frames),
        "lowest_confidence": round(min(sure), 4) if sure else None,
        "fps": round(status["fps"], 3),
        "bits_per_pixel": status["bits_per_pixel"],
        "detail": f"{status['detail']} {status['note']}".strip(),
    }


def capture_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Capture rate per label and over all: crops for each wanted frame, as the study counts it."""
    parts = [(label.word, table[table["label"] == label.word]) for label in Label]
    rows = []
    for name, part in [*parts, ("all", table)]:
        wanted = int(part["frames_wanted"].sum())
        crops = int(part["crops"].sum())
        rows.append(
            {
                "label": name,
                "videos": len(part),
                "videos_with_crops": int((part["crops"] > 0).sum()),
                "frames_wanted": wanted,
                "frames_sampled": int(part["frames_sampled"].sum()),
                "crops": crops,
                "capture_rate": round(crops / wanted, 6) if wanted else None,
            }
        )
    return pd.DataFrame(rows)


def check_rejected(table: pd.DataFrame, allowed: float, where: Path) -> None:
    """Stop a run that has lost too much.

    Raises
    ------
    UserError
        More than the share `allowed` of the videos gave no crop, or none gave any.
    """
    rejected = table[table["crops"] == 0]
    if len(rejected) <= allowed * len(table) and len(rejected) < len(table):
        return
    reasons = ", ".join(f"{n} {name}" for name, n in rejected["status"].value_counts().items())
    raise UserError(
        f"{len(rejected)} of {len(table)} videos gave no face crop ({reasons}), more than "
        f"quality.max_rejected_fraction = {allowed:g} allows. {where} says what is wrong with "
        "each. Mend or remove those videos, or raise the limit."
    )

"""Many verdicts as one list, the most suspicious first, and what they are worth where the truth is
known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from workflow_scripts.lib.common.labels import UNKNOWN, Label
from workflow_scripts.lib.data.identities import assign_groups, names_of
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.evaluation.metrics import evaluate
from workflow_scripts.lib.verdicts.decision import Verdict
from workflow_scripts.lib.verdicts.inputs import shown
from workflow_scripts.lib.verdicts.pipeline import NOT_JUDGED, called

__all__ = [
    "CALLED",
    "COLUMNS",
    "as_cells",
    "on_people_seen",
    "ranked",
    "shortened",
    "worth",
]

COLUMNS = (
    *("video", "path", "label", "seen", "verdict", "probability", "score", "person", "people"),
    *("faces", "status", "reason", "scope", "warnings"),
)
CALLED = (*map(str, (Verdict.FAKE, Verdict.UNDETERMINED, Verdict.REAL)), NOT_JUDGED)
FORMULA = ("=", "+", "-", "@")  # begin a formula where a table is opened in a spreadsheet


def ranked(
    videos: Sequence[Video], verdicts: Sequence[dict[str, Any]], trained_on: set[str]
) -> list[dict[str, Any]]:
    """A row per video, by `COLUMNS`: first the highest score, last those that have none.

    `trained_on` are the names of the people in the model's training part (`manifest.names_of`);
    `seen` tells whether the video shows some of them: `yes`; `no`, which takes names of people and
    of data sets, here and in the training; or `unknown`. Besides the columns a row has its `group`
    of people, and as `called` its verdict or `NOT_JUDGED`.
    """
    groups = assign_groups(videos)
    rows = []
    for video, verdict in zip(videos, verdicts, strict=True):
        people = verdict["people"]
        rows.append(
            {
                "video": video.video_id,
                "path": shown(video.path),
                "label": video.label,
                "seen": "yes" if verdict["in_training"] else _seen(names_of([video]), trained_on),
                **{key: verdict[key] for key in ("verdict", "probability", "score", "person")},
                "people": len(people),
                "faces": sum(len(person["faces"]) for person in people),
                "status": verdict["sampling"]["status"],
                "reason": shown(verdict["reason"]),
                "scope": verdict["scope"],
                "warnings": " ".join(verdict["warnings"]),
                "group": groups[video.video_id],
                "called": called(verdict),
            }
        )
    return sorted(rows, key=_suspicion)


def _seen(people: set[str], trained_on: set[str]) -> str:
    if (people & trained_on) - {UNKNOWN}:
        return "yes"
    return "unknown" if UNKNOWN in people | trained_on else "no"


def _suspicion(row: dict[str, Any]) -> tuple[bool, float, str]:
    return row["score"] is None, -(row["score"] or 0.0), row["video"]


def as_cells(row: dict[str, Any]) -> list[str]:
    """A row as cells of a table: no tab, no line's end, and no formula."""
    return [_cell(row[column]) for column in COLUMNS]


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def shortened(paths: Sequence[str]) -> tuple[str, list[str]]:
    """The folder that all paths have in common, and what each is in it; "" where there is none."""
    try:
        place = os.path.commonpath([PurePath(path).parent for path in paths])
    except ValueError:  # some start at the root, others don't
        return "", list(paths)
    return place, [str(PurePath(path).relative_to(place)) for path in paths]


def worth(
    rows: Sequence[dict[str, Any]], resamples: int, coverage: float, seed: int
) -> dict[str, Any] | None:
    """How right the verdicts are on the videos whose label is known, without those whose people the
    model was trained on as far as names tell; None where there are no such videos.

    Returns
    -------
    dict
        `counts` by label and what each was called; `roc_auc` with its interval over groups, of the
        videos that have a score; `scored` and `groups` of those; `counted`, all of them, and
        `unknown`, those whose people the model may have seen; `left_out`, those whose people it has
        seen.
    """
    labelled = [row for row in rows if row["label"]]
    counted = [row for row in labelled if row["seen"] != "yes"]
    if not counted:
        return None
    scored = [row for row in counted if row["score"] is not None]
    return {
        "counts": {
            label.word: {
                word: sum(row["label"] == label.word and row["called"] == word for row in counted)
                for word in CALLED
            }
            for label in Label
        },
        "roc_auc": _roc_auc(scored, resamples, coverage, seed),
        "interval": coverage,
        "scored": len(scored),
        "groups": len({row["group"] for row in scored}),
        "counted": len(counted),
        "unknown": sum(row["seen"] == "unknown" for row in counted),
        "left_out": len(labelled) - len(counted),
    }


def on_people_seen(measured: dict[str, Any]) -> str:
    """Whether the model has seen the people on whom `worth` measured, in words."""
    if not measured["unknown"]:
        return "As far as names tell, the model was trained on none of these people."
    return (
        f"The people of {measured['unknown']} of these {measured['counted']} videos are not named "
        "(or their data set is not, in the table or in the training), so the model may have been "
        "trained on them."
    )


def _roc_auc(
    rows: Sequence[dict[str, Any]], resamples: int, coverage: float, seed: int
) -> dict[str, float | None]:
    if not rows:
        return {"value": None, "low": None, "high": None}
    labels = np.array([row["label"] == Label.FAKE.word for row in rows], int)
    scores = np.array([row["score"] for row in rows], float)
    groups = np.array([row["group"] for row in rows])
    measured = evaluate(labels, scores, scores, groups, 0.5, resamples, coverage, seed)
    return measured["roc_auc"]

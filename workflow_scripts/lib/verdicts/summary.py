"""The verdicts on many videos, sorted by score, and their accuracy on labelled videos."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from workflow_scripts.lib.common.labels import UNKNOWN, Label
from workflow_scripts.lib.data.identities import assign_groups, names_of
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.evaluation.metrics import evaluate
from workflow_scripts.lib.verdicts.decision import Verdict
from workflow_scripts.lib.verdicts.inputs import printable_name
from workflow_scripts.lib.verdicts.pipeline import NOT_JUDGED, outcome

COLUMNS = (
    *("video", "path", "label", "people_in_training", "verdict", "probability", "score"),
    *("person", "people", "faces", "status", "reason", "frames_examined", "warnings"),
)
OUTCOMES = (*map(str, (Verdict.FAKE, Verdict.UNDETERMINED, Verdict.REAL)), NOT_JUDGED)
FORMULA = ("=", "+", "-", "@")  # start a formula in a spreadsheet


def sort_by_score(
    videos: Sequence[Video], verdicts: Sequence[dict[str, Any]], trained_on: set[str]
) -> list[dict[str, Any]]:
    """Make a row of `COLUMNS` per video, the highest score first, videos without a score last.

    `trained_on` are the names of the people in the model's training part (`identities.names_of`);
    `people_in_training` is `yes` if the video shows any of them, `no` if people and data sets are
    named both here and in the training, else `unknown`. Besides the columns, a row has its `group`
    of people and its `outcome`, the verdict or `NOT_JUDGED`.
    """
    groups = assign_groups(videos)
    rows = []
    for video, verdict in zip(videos, verdicts, strict=True):
        people = verdict["people"]
        rows.append(
            {
                "video": video.video_id,
                "path": printable_name(video.path),
                "label": video.label,
                "people_in_training": _people_in_training(video, verdict, trained_on),
                **{key: verdict[key] for key in ("verdict", "probability", "score", "person")},
                "people": len(people),
                "faces": sum(len(person["faces"]) for person in people),
                "status": verdict["sampling"]["status"],
                "reason": printable_name(verdict["reason"]),
                "frames_examined": verdict["frames_examined"],
                "warnings": " ".join(verdict["warnings"]),
                "group": groups[video.video_id],
                "outcome": outcome(verdict),
            }
        )
    return sorted(
        rows, key=lambda row: (row["score"] is None, -(row["score"] or 0.0), row["video"])
    )


def _people_in_training(video: Video, verdict: dict[str, Any], trained_on: set[str]) -> str:
    people = names_of([video])
    if verdict["in_training"] or (people & trained_on) - {UNKNOWN}:
        return "yes"
    return "unknown" if UNKNOWN in people | trained_on else "no"


def as_cells(row: dict[str, Any]) -> list[str]:
    """A row as cells of a table, without tabs, line ends or formulas."""
    values = ["" if row[column] is None else row[column] for column in COLUMNS]
    # only text can start a formula: numbers may be negative
    return [
        f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else str(value)
        for value in values
    ]


def strip_common_folder(paths: Sequence[str]) -> tuple[str, list[str]]:
    """The common folder of all paths, or "", and the paths relative to it."""
    try:
        folder = os.path.commonpath([PurePath(path).parent for path in paths])
    except ValueError:  # some are absolute, others are not
        return "", list(paths)
    return folder, [str(PurePath(path).relative_to(folder)) for path in paths]


def accuracy_on_labelled(
    rows: Sequence[dict[str, Any]], n_resamples: int, confidence_level: float, seed: int
) -> dict[str, Any] | None:
    """The accuracy of the verdicts on labelled videos, without people that the model is known to be
    trained on; None if there are no such videos.

    Returns
    -------
    dict
        `counts` by label and outcome; `roc_auc` of videos with a score, with its confidence
        interval over groups; the numbers `scored` of these videos and `groups` of their groups;
        `counted`, the number of videos in `counts`; `unknown`, of those whose people may be in the
        training; `left_out`, of those excluded because their people are.
    """
    labelled = [row for row in rows if row["label"]]
    counted = [row for row in labelled if row["people_in_training"] != "yes"]
    if not counted:
        return None
    counts = Counter((row["label"], row["outcome"]) for row in counted)
    scored = [row for row in counted if row["score"] is not None]
    roc_auc: dict[str, float | None] = dict.fromkeys(("value", "low", "high"))
    if scored:
        labels = np.array([row["label"] == Label.FAKE.word for row in scored], int)
        scores = np.array([row["score"] for row in scored], float)
        groups = np.array([row["group"] for row in scored])
        metrics = evaluate(labels, scores, scores, groups, 0.5, n_resamples, confidence_level, seed)
        roc_auc = metrics["roc_auc"]
    return {
        "counts": {
            label.word: {word: counts[label.word, word] for word in OUTCOMES} for label in Label
        },
        "roc_auc": roc_auc,
        "interval": confidence_level,
        "scored": len(scored),
        "groups": len({row["group"] for row in scored}),
        "counted": len(counted),
        "unknown": sum(row["people_in_training"] == "unknown" for row in counted),
        "left_out": len(labelled) - len(counted),
    }


def training_overlap_text(accuracy: dict[str, Any]) -> str:
    """Describe whether the people of `accuracy_on_labelled` may be in the model's training."""
    if not accuracy["unknown"]:
        return "As far as names tell, the model was trained on none of these people."
    return (
        f"In {accuracy['unknown']} of these {accuracy['counted']} videos, people or their data set "
        "are not named (in the table or in the training), so the model may have been trained on "
        "them."
    )

"""The verdict on a video, from its people's scores: `fake`, `real` or `undetermined`.

A person's score is the mean of the frames' scores. The verdict is `fake` at or above the model's
upper operating point, `real` below the lower one, and `undetermined` between them. The video's
verdict is that of the person with the highest score. People with too few faces, or with a face far
smaller than another person's, are not judged: they may be bystanders, pictures on the wall or false
detections.
"""

from enum import StrEnum
from typing import Any

import numpy as np

from workflow_scripts.lib.common.labels import DEMO
from workflow_scripts.lib.training.calibration import apply_calibration
from workflow_scripts.lib.verdicts.frame_plan import min_faces

MIN_RELATIVE_SIZE = 1 / 3  # of the largest face; training takes the largest face of each frame
DISCLAIMER = (
    "This is a statistical indication, not proof. It says how much the video resembles the fakes "
    "that the model was trained on. Other forgery methods, strong compression and editing mislead "
    "it."
)


class Verdict(StrEnum):
    """The verdict on a video, or on a person in it."""

    FAKE = "fake"
    REAL = "real"
    UNDETERMINED = "undetermined"


def decide(score: float, points: dict[str, Any]) -> Verdict:
    """Compare a score with a card's `operating_points`."""
    if score >= points["high"]:
        return Verdict.FAKE
    if score < points["low"]:
        return Verdict.REAL
    return Verdict.UNDETERMINED


def person_verdict(scores: np.ndarray, card: dict[str, Any], roll: float) -> dict[str, Any]:
    """The verdict on one person: `verdict`, `probability`, `score` and `reason`.

    Parameters
    ----------
    scores : (n,) float
        Of the person's faces.
    card : dict
        The model's.
    roll : float
        Rotation of the faces in degrees; 0 if they are sufficiently upright.
    """
    if roll:
        return _not_judged(
            f"the face is rotated by {roll:.0f} degrees, and the model knows upright faces only. "
            "Rotate the video and judge it again."
        )
    needed = min_faces(card["crops"]["sampling"]["frames"])
    if len(scores) < needed:
        return _not_judged(
            f"too few usable faces: {len(scores)}, and at least {needed} are needed."
        )
    points = card["operating_points"]
    score = round(float(np.mean(np.round(scores, 6))), 6)
    verdict = decide(score, points)
    low, high = f"{points['low']:.2f}", f"{points['high']:.2f}"
    relation = {
        Verdict.FAKE: f"reaches the threshold for fake, {high}",
        Verdict.REAL: f"is below the threshold for real, {low}",
        Verdict.UNDETERMINED: f"lies between the thresholds, {low} for real and {high} for fake",
    }[verdict]
    return {
        "verdict": verdict,
        "probability": _probability(score, card["calibration"]),
        "score": score,
        "reason": f"The score {score:.2f} {relation}.",
    }


def _probability(score: float, calibration: dict[str, Any]) -> float:
    """The calibrated probability of fake, limited to 1 / (n + 2) to 1 - 1 / (n + 2) for n groups of
    people (Laplace's rule of succession)."""
    margin = 1 / (calibration["groups"] + 2)
    probability = float(apply_calibration(calibration, np.array([score]))[0])
    return round(min(max(probability, margin), 1 - margin), 6)


def reject_small_faces(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Remove the scores of people whose face is smaller than `MIN_RELATIVE_SIZE` times the largest
    face of a person with a score."""
    scored = [person for person in people if person["score"] is not None]
    largest = max((person["measurements"]["face_size"] for person in scored), default=0.0)
    verdicts = []
    for person in people:
        size = person["measurements"]["face_size"]
        if person["score"] is not None and size < MIN_RELATIVE_SIZE * largest:
            reason = (
                f"the face is too small: {size:.0f} pixels wide, less than a third of the largest "
                f"face's {largest:.0f}."
            )
            person = {**person, **_not_judged(reason)}
        verdicts.append(person)
    return verdicts


def _not_judged(reason: str) -> dict[str, Any]:
    return {
        "verdict": Verdict.UNDETERMINED,
        "probability": None,
        "score": None,
        "reason": f"Not judged: {reason}",
    }


def deciding_person(people: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The person with the highest score, else the first person, else None."""
    return max(
        people,
        key=lambda person: (person["score"] is not None, person["score"] or 0.0),
        default=None,
    )


def error_rate_text(verdict: Verdict, score: float | None, points: dict[str, Any]) -> str:
    """The error rate of such verdicts, in words; "" without a score."""
    if score is None:
        return ""
    fake = _rate_text("real videos", "fake", points["real_called_fake"])
    real = _rate_text("fakes", "real", points["fake_called_real"])
    return {
        Verdict.FAKE: fake,
        Verdict.REAL: real,
        Verdict.UNDETERMINED: f"{fake} {real} Between the thresholds, the verdict is undetermined.",
    }[verdict]


def _rate_text(videos: str, outcome: str, rate: dict[str, float]) -> str:
    expected, low, high = (round(100 * rate[key]) for key in ("expected", "low", "high"))
    groups = "group" if rate["groups"] == 1 else "groups"
    lie = "lies" if rate["wrong"] == 1 else "lie"
    return (
        f"Of 100 {videos} of unseen people, about {expected} would be called {outcome} (interval "
        f"{low} to {high}; the threshold was set on {rate['videos']} {videos} of {rate['groups']} "
        f"{groups} of people, of which {rate['wrong']} {lie} beyond it)."
    )


def describe_model(
    card: dict[str, Any], evaluation: dict[str, Any], version: str, date: str
) -> dict[str, Any]:
    """A verdict's summary of its model. `date` (ISO 8601) is the day when the bundle was made."""
    training = card["training"]
    return {
        "version": version,
        "date": date,
        "experiment": card["experiment"],
        "features": f"{card['features']['name']} (version {card['features']['version']})",
        "kind": card["model"],
        "training": {
            "videos": training["videos"],
            "groups": len(training["groups"]),
            **{key: training[key] for key in ("datasets", "methods", "compressions")},
        },
        "evaluation": evaluation,
        "validation": {
            "roc_auc": card["validation"]["video_roc_auc"],
            **{key: card["validation"][key] for key in ("videos", "groups")},
        },
        "operating_points": card["operating_points"],
        "demo": training["datasets"] == [DEMO],
    }

"""The verdict on one video, from its people's scores: `fake`, `real` or `undetermined`, in words.

A person's score is the mean of the frames' scores. The verdict is `fake` at or above the model's
upper operating point, `real` below the lower one, and undetermined between them. The video's
verdict is that of its most suspicious person. A person with too few faces, or with a face far
smaller than another person's, is not judged: a bystander, a picture on the wall, or a false
detection.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np

from workflow_scripts.lib.common.labels import DEMO
from workflow_scripts.lib.training.calibration import apply_calibration
from workflow_scripts.lib.verdicts.frame_plan import min_faces

__all__ = ["DISCLAIMER", "Verdict", "decide", "deciding_person", "describe_model"]
__all__ += ["error_rate_text", "person_verdict", "reject_small_faces"]

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
    """The verdict for a score, by a card's `operating_points`."""
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
        Of the frames that show the person.
    card : dict
        The model's.
    roll : float
        Degrees by which the faces are rotated, 0 where they are upright enough.
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
    return {
        "verdict": verdict,
        "probability": _probability(score, card["calibration"]),
        "score": score,
        "reason": _reason(score, verdict, points),
    }


def _reason(score: float, verdict: Verdict, points: dict[str, Any]) -> str:
    low, high = f"{points['low']:.2f}", f"{points['high']:.2f}"
    return {
        Verdict.FAKE: f"The score {score:.2f} reaches the threshold for fake, {high}.",
        Verdict.REAL: f"The score {score:.2f} is below the threshold for real, {low}.",
        Verdict.UNDETERMINED: f"The score {score:.2f} lies between the thresholds, {low} for "
        f"real and {high} for fake.",
    }[verdict]


def _probability(score: float, calibration: dict[str, Any]) -> float:
    """The calibrated probability of fake, limited by its data: n groups that all agree leave
    1 / (n + 2) for the other class (Laplace's rule of succession)."""
    limit = 1 / (calibration["groups"] + 2)
    probability = float(apply_calibration(calibration, np.array([score]))[0])
    return round(min(max(probability, limit), 1 - limit), 6)


def reject_small_faces(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The people's verdicts, without a score for those whose face is less than `MIN_RELATIVE_SIZE`
    times as large as the largest face of a person with a score."""
    largest = max(
        (person["measurements"]["face_size"] for person in people if person["score"] is not None),
        default=0.0,
    )
    return [_reject_if_small(person, largest) for person in people]


def _reject_if_small(person: dict[str, Any], largest: float) -> dict[str, Any]:
    size = person["measurements"]["face_size"]
    if person["score"] is None or size >= MIN_RELATIVE_SIZE * largest:
        return person
    reason = (
        f"the face is too small: {size:.0f} pixels wide, less than a third of the largest face's "
        f"{largest:.0f}."
    )
    return {**person, **_not_judged(reason)}


def _not_judged(reason: str) -> dict[str, Any]:
    return {
        "verdict": Verdict.UNDETERMINED,
        "probability": None,
        "score": None,
        "reason": f"Not judged: {reason}",
    }


def deciding_person(people: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The person with the highest score; the first where nobody has a score."""
    scored = [person for person in people if person["score"] is not None]
    if scored:
        return max(scored, key=lambda person: person["score"])
    return people[0] if people else None


def error_rate_text(verdict: Verdict, score: float | None, points: dict[str, Any]) -> str:
    """How often such a verdict is wrong, as a count out of 100; "" where nobody was judged."""
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
    people = "group" if rate["groups"] == 1 else "groups"
    lie = "lies" if rate["wrong"] == 1 else "lie"
    return (
        f"Of 100 {videos} of unseen people, about {expected} would be called {outcome} (interval "
        f"{low} to {high}; the threshold was set on {rate['videos']} {videos} of {rate['groups']} "
        f"{people} of people, of which {rate['wrong']} {lie} beyond it)."
    )


def is_demo(card: dict[str, Any]) -> bool:
    """Whether a model was trained on the workflow's own synthetic videos."""
    return card["training"]["datasets"] == [DEMO]


def describe_model(
    card: dict[str, Any], evaluation: dict[str, Any], version: str, date: str
) -> dict[str, Any]:
    """What a verdict tells about its model. `date` (ISO) is the day when the bundle was made."""
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
        "demo": is_demo(card),
    }

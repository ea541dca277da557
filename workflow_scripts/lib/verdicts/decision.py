"""The answer for one video, from its people's scores: `fake`, `real` or `undetermined`, in words.

A person's score is the mean of the scores of the frames. It is `fake` at or above the model's upper
operating point, `real` below the lower one, and undetermined between them. The video's verdict is
that of its most suspicious person. Who is seen too seldom, or far smaller than another person, is
not judged: a bystander, a picture on the wall, or something that the detector took for a face.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np

from workflow_scripts.lib.common.labels import DEMO
from workflow_scripts.lib.training.calibration import apply_calibration

__all__ = ["CAUTION", "Verdict", "about_model", "decide", "least_faces"]
__all__ += ["most_suspicious", "operating_words", "person_verdict", "without_small"]

MIN_FACES = 3  # of one person; a score of fewer sways too much
LEAST_SIZE = 1 / 3  # of the largest person's face; training takes the largest face of each frame
CAUTION = (
    "This is a statistical hint and no proof. It says how much the video resembles the fakes that "
    "the model was trained on; other methods of forging, strong compression and editing mislead it."
)


class Verdict(StrEnum):
    """What a video, or a person in it, is called."""

    FAKE = "fake"
    REAL = "real"
    UNDETERMINED = "undetermined"


def decide(score: float, points: dict[str, Any]) -> Verdict:
    """The verdict of a score by a card's `operating_points`."""
    if score >= points["high"]:
        return Verdict.FAKE
    if score < points["low"]:
        return Verdict.REAL
    return Verdict.UNDETERMINED


def person_verdict(scores: np.ndarray, card: dict[str, Any], turned: float) -> dict[str, Any]:
    """The verdict on one person: `verdict`, `probability`, `score` and `reason`.

    Parameters
    ----------
    scores : (n,) float
        Of the frames that show the person.
    card : dict
        The model's.
    turned : float
        Degrees by which the faces are turned, 0 where they are upright enough.
    """
    if turned:
        return _not_judged(
            f"the face is turned by {turned:.0f} degrees, and the model knows upright ones. Turn "
            "the picture, and judge it again."
        )
    least = least_faces(card["crops"]["sampling"]["frames"])
    if len(scores) < least:
        return _not_judged(f"too few usable faces, {len(scores)}, and {least} are needed.")
    points = card["operating_points"]
    score = round(float(np.mean(np.round(scores, 6))), 6)
    probability = _probability(score, card["calibration"])
    verdict = decide(score, points)
    low, high = f"{points['low']:.2f}", f"{points['high']:.2f}"
    why = {
        Verdict.FAKE: f"is at or above {high}, from where on a video is called fake",
        Verdict.REAL: f"is below {low}, up to where a video is called real",
        Verdict.UNDETERMINED: f"lies between the two thresholds, {low} and {high}",
    }[verdict]
    return {
        "verdict": verdict,
        "probability": probability,
        "score": score,
        "reason": f"The score {score:.2f} {why}.",
    }


def least_faces(trained_frames: int) -> int:
    """How many faces of a person it takes to judge: not more than training had of a video."""
    return min(MIN_FACES, trained_frames)


def _probability(score: float, calibration: dict[str, Any]) -> float:
    """The calibrated probability of fake, no surer than its data can make it: n groups that all
    went one way leave 1 / (n + 2) for the other (Laplace's rule of succession)."""
    doubt = 1 / (calibration["groups"] + 2)
    found = float(apply_calibration(calibration, np.array([score]))[0])
    return round(min(max(found, doubt), 1 - doubt), 6)


def without_small(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The people's verdicts, without one on those whose face is less than `LEAST_SIZE` times as
    large as the largest of those who have one."""
    judged = [person for person in people if person["score"] is not None]
    largest = max((person["measured"]["face_size"] for person in judged), default=0.0)
    told = []
    for person in people:
        size = person["measured"]["face_size"]
        if person["score"] is not None and size < LEAST_SIZE * largest:
            reason = (
                f"too small, {size:.0f} pixels across, which is less than a third of the "
                f"{largest:.0f} of the largest face."
            )
            told.append({**person, **_not_judged(reason)})
        else:
            told.append(person)
    return told


def _not_judged(reason: str) -> dict[str, Any]:
    return {
        "verdict": Verdict.UNDETERMINED,
        "probability": None,
        "score": None,
        "reason": f"Not judged: {reason}",
    }


def most_suspicious(people: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Of the people's verdicts, the one with the highest score; of none with a score, the first."""
    judged = [person for person in people if person["score"] is not None]
    if judged:
        return max(judged, key=lambda person: person["score"])
    return people[0] if people else None


def operating_words(verdict: Verdict, score: float | None, points: dict[str, Any]) -> str:
    """How often such a verdict is wrong, as people count; nothing where nobody was judged."""
    if score is None:
        return ""
    fake = _of_100("real videos", "fake", points["real_called_fake"])
    real = _of_100("fakes", "real", points["fake_called_real"])
    return {
        Verdict.FAKE: fake,
        Verdict.REAL: real,
        Verdict.UNDETERMINED: f"{fake} {real} What lies between is left undetermined.",
    }[verdict]


def _of_100(what: str, called: str, rate: dict[str, float]) -> str:
    expected, low, high = (round(100 * rate[key]) for key in ("expected", "low", "high"))
    people = "group" if rate["groups"] == 1 else "groups"
    lie = "lies" if rate["wrong"] == 1 else "lie"
    return (
        f"Of 100 {what} of unseen people, about {expected} would be called {called} (anything from "
        f"{low} to {high}: the threshold was set on {rate['videos']} {what} of {rate['groups']} "
        f"{people} of people, of which {rate['wrong']} {lie} beyond it)."
    )


def is_demo(card: dict[str, Any]) -> bool:
    """Whether a model was trained on the workflow's own made-up videos."""
    return card["training"]["datasets"] == [DEMO]


def about_model(
    card: dict[str, Any], evaluation: dict[str, Any], version: str, date: str
) -> dict[str, Any]:
    """What a verdict says about the model behind it. `date` (ISO) is the day on which its bundle
    was made."""
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

"""The page of a verdict, a single self-contained file, and its thumbnail."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from workflow_scripts.lib.common.files import encode_jpeg, write_jpeg
from workflow_scripts.lib.common.pages import render
from workflow_scripts.lib.faces.crops import FaceCrop
from workflow_scripts.lib.faces.frames import Frame
from workflow_scripts.lib.verdicts.pipeline import VerdictResult, outcome

FRAME_WIDTH, CROP_SIDE, MAP_SIDE, THUMBNAIL_SIDE = 480, 128, 256, 160  # pixels
MAX_BARS = 12
REAL_COLOUR, FAKE_COLOUR = (0, 114, 178), (213, 94, 0)  # as in the report's figures
BOX_COLOURS = ((240, 228, 66), (86, 180, 233), (0, 158, 115), (204, 121, 167), (230, 159, 0))
REGION = re.compile(r"region\[(\d+),(\d+)\]")


def write_page(path: Path, result: VerdictResult) -> None:
    """Write the page of a verdict."""
    render(
        "verdict.html.j2",
        path,
        title=f"Verdict on {result.verdict['video']['name']}",
        v=result.verdict,
        outcome=outcome(result.verdict),
        frames=[_frame(frame, result) for frame in result.frames],
        people=[
            _person(person, faces)
            for person, faces in zip(result.verdict["people"], result.people, strict=True)
        ],
        last_time=max((frame.time_s for frame in result.frames), default=0.0),
    )


def write_thumbnail(path: Path, result: VerdictResult) -> None:
    """Write a small square picture: the deciding person's face with the highest score, else the
    centre of the first frame, else grey."""
    deciding = result.verdict["person"]
    if deciding is not None:
        faces = result.people[deciding - 1]
        scores = [face["score"] for face in result.verdict["people"][deciding - 1]["faces"]]
        pixels = faces[int(np.argmax(scores))].pixels
    elif result.frames:
        pixels = result.frames[0].pixels
        side = min(pixels.shape[:2])
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        pixels = pixels[top : top + side, left : left + side]
    else:
        pixels = np.full((THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3), 200, np.uint8)
    write_jpeg(path, Image.fromarray(_resize(pixels, THUMBNAIL_SIDE)))


def _frame(frame: Frame, result: VerdictResult) -> dict[str, Any]:
    """A sampled frame for the page: its picture with boxes, and its faces."""
    faces = [
        {"person": person["person"], **face}
        for person in result.verdict["people"]
        for face in person["faces"]
        if face["index"] == frame.index
    ]
    return {
        "index": frame.index,
        "time_s": frame.time_s,
        "picture": _uri(_draw_boxes(frame.pixels, faces)),
        "faces": faces,
    }


def _draw_boxes(pixels: np.ndarray, faces: Sequence[dict[str, Any]]) -> np.ndarray:
    """A smaller frame with the faces' boxes in the people's colours."""
    height, width = pixels.shape[:2]
    scale = min(1.0, FRAME_WIDTH / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    for face in faces:
        left, top, box_width, box_height = (round(value * scale) for value in face["box"])
        colour = BOX_COLOURS[(face["person"] - 1) % len(BOX_COLOURS)]
        corner = (left + box_width, top + box_height)
        cv2.rectangle(small, (left, top), corner, colour, 2, cv2.LINE_AA)
        origin = (max(left, 0) + 3, max(top, 0) + 16)
        cv2.putText(small, str(face["person"]), origin, cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, 2)
    return small


def _person(person: dict[str, Any], faces: list[FaceCrop]) -> dict[str, Any]:
    """One person for the page: crops, and the contributions to fake and to real."""
    evidence = person["evidence"] or {"bias": 0.0, "contributions": []}
    contributions = evidence["contributions"]
    regions = [group for group in contributions if REGION.fullmatch(group["name"])]
    others = [group for group in contributions if not REGION.fullmatch(group["name"])]
    others.sort(key=lambda group: abs(group["contribution"]), reverse=True)
    bars = others[:MAX_BARS]
    colour = BOX_COLOURS[(person["person"] - 1) % len(BOX_COLOURS)]
    return {
        **person,
        "colour": "#{:02x}{:02x}{:02x}".format(*colour),
        "crops": [_uri(_resize(face.pixels, CROP_SIDE)) for face in faces],
        "bars": bars,
        "rest": _total(others[MAX_BARS:]),
        "score_sum": _total(contributions, evidence["bias"]),
        "regions_sum": sum(group["contribution"] for group in regions),
        "longest": max(map(_bar_length, bars), default=0.0) or 1.0,
        "maps": _maps(regions, faces),
    }


def _total(contributions: Sequence[dict[str, Any]], start: float = 0.0) -> dict[str, float | None]:
    """The sum of contributions, here and in typical real videos; None if any is unknown."""
    totals: dict[str, float | None] = {}
    for key in ("contribution", "typical_real"):
        values = [group[key] for group in contributions]
        totals[key] = None if None in values else start + sum(values)
    return totals


def _bar_length(group: dict[str, Any]) -> float:
    return max(abs(group["contribution"]), abs(group["typical_real"] or 0.0))


def _resize(pixels: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)


def _maps(regions: list[dict[str, Any]], faces: list[FaceCrop]) -> list[dict[str, str]]:
    """Heat maps of this person and of typical real videos, on the same scale."""
    if not regions:
        return []
    mean = np.mean([face.pixels for face in faces], axis=0).mean(axis=2)
    grey = np.full(mean.shape, mean.mean())
    strongest = max(map(_bar_length, regions)) or 1.0
    maps = [("this person", "contribution", mean)]
    if all(region["typical_real"] is not None for region in regions):
        maps.append(("typical real videos (no face is shown)", "typical_real", grey))
    return [
        {"title": title, "picture": _uri(_heat_map(_grid(regions, key) / strongest, background))}
        for title, key, background in maps
    ]


def _grid(regions: list[dict[str, Any]], key: str) -> np.ndarray:
    cells = np.array([[int(n) for n in REGION.fullmatch(r["name"]).groups()] for r in regions])  # type: ignore[union-attr]
    grid = np.zeros(cells.max(axis=0) + 1)
    grid[tuple(cells.T)] = [region[key] for region in regions]
    return grid


def _heat_map(strength: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Draw contributions to fake (orange) and to real (blue) over a grey picture.

    Parameters
    ----------
    strength : (cells, cells) float
        -1 (real) to 1 (fake).
    grey : (side, side) float
        0 to 255.

    Returns
    -------
    (side, side, 3) uint8 RGB, 256 pixels a side.
    """
    background = _resize(grey.astype(np.float32), MAP_SIDE)[..., None]
    size = (MAP_SIDE, MAP_SIDE)
    cells = cv2.resize(strength.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
    colour = np.where(cells[..., None] > 0, FAKE_COLOUR, REAL_COLOUR)
    opacity = np.sqrt(np.abs(cells).clip(0, 1))[..., None] * 0.8
    return (background * (1 - opacity) + colour * opacity).round().astype(np.uint8)


def _uri(pixels: np.ndarray) -> str:
    """A picture (height, width, 3) uint8 RGB as a data URI."""
    encoded = base64.b64encode(encode_jpeg(Image.fromarray(pixels))).decode()
    return f"data:image/jpeg;base64,{encoded}"

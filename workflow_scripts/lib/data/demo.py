"""Synthetic videos for the demo: talking-head clips and face swaps, rendered from one portrait.

The portrait is `skimage.data.astronaut()`, NASA's public-domain picture of Eileen Collins that
ships with scikit-image, so the demo needs no download.

An *identity* is the portrait with another face shape (a thin-plate spline through displaced
landmarks), skin, hair and clothes. A *clip* shows one identity swaying, blinking and talking in
front of a backdrop, filmed by a camera of its own (lens, light, white balance, noise). A *fake* is
the same recording after a face swap like that of the first DeepFakes: the source's face, aligned to
the target's landmarks, downscaled to 64 x 64 pixels, colour-matched and blended in under a
feathered hull. It lacks the recording's noise and fine texture there, which a detector can learn.

Positions are (x, y) in pixels, pictures are RGB. Random generators are seeded with the names of
identity or clip: with the same libraries, a clip has the same bytes in each run.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data, transform

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.common.labels import DEMO

Array = NDArray[Any]

WIDTH, HEIGHT = 480, 360
COLUMNS = ("video_id", "path", "label", "target", "source", "dataset", "method")
N_IDENTITIES = 24
SECONDS = 7.5
SWAP_SIZE = 64  # pixels, the output of the first DeepFakes networks
FIELD_STEP = 3  # pixels, resolution of the motion fields
# The macroblock tree is off because it is not deterministic (x264 core 165).
ENCODER = {"preset": "veryfast", "crf": "23", "threads": "1", "x264-params": "mbtree=0"}

# Landmarks of the portrait, in pixels of astronaut.png; of a pair, the viewer's left comes first.
LANDMARKS = {
    name: np.array(points, float)
    for name, points in {
        "brow_outer": ((190, 90.5), (263, 96)), "brow_middle": ((199, 88.5), (252, 92)),
        "brow_inner": ((213, 93), (237, 93.5)), "eye_outer": ((193, 101), (258.5, 104)),
        "eye_top": ((203, 97), (247.5, 99.5)), "eye_bottom": ((203.5, 105), (247, 107.5)),
        "eye_inner": ((212.5, 103), (235.5, 105)), "nose_wing": ((213, 130.5), (236, 131)),
        "mouth_corner": ((202.5, 139.5), (246.5, 141)),
        "lip_inner_high": ((214, 142), (236, 142.5)), "lip_inner_low": ((213, 147.5), (237, 146.5)),
        "temple": ((184.5, 86), (268, 91)), "jaw_ear": ((182, 125), (268.5, 127)),
        "jaw_middle": ((185, 150), (264, 150)), "jaw_low": ((200, 169.5), (250, 167)),
        "forehead": ((226, 81),), "nose_bridge": ((224.5, 103),), "nose_tip": ((225, 127),),
        "nose_base": ((225, 133.5),), "lip_top": ((224.5, 139.5),),
        "lip_inner_top": ((224.5, 142.5),), "lip_inner_bottom": ((224.5, 149.5),),
        "lip_bottom": ((224.5, 155),), "chin": ((224.5, 179),),
    }.items()
}  # fmt: skip
# Outlines in the portrait. SKIN is the face with ears and neck, below the fringe.
SKIN = (
    (181, 131), (180, 118), (181, 108), (183, 96), (185, 86), (186, 76), (188, 72), (193, 75),
    (197, 79), (205, 81), (218, 81), (228, 81), (240, 82), (250, 85), (258, 89), (268, 90),
    (269, 97), (271, 110), (271, 122), (272, 130), (279, 128), (275, 134), (270, 136.5),
    (267, 136), (266, 143), (263, 151), (258, 159), (256, 168), (255, 178), (252, 186), (246, 189),
    (236, 190.5), (226, 189), (214, 187), (200, 185), (192, 183), (188, 178), (186, 170),
    (185, 150), (182.5, 140), (181.5, 132), (178, 131), (174, 127), (171, 121), (178, 118),
)  # fmt: skip
HAIR = (
    (171, 121), (168, 117), (163, 113), (158, 107), (155, 98), (154, 88), (153.5, 72), (155, 64),
    (158, 57), (166, 49), (175, 43), (187, 36), (191, 30), (198, 25), (207, 21), (220, 18),
    (229, 15.5), (240, 16.5), (250, 18.5), (260, 23), (270, 29), (278, 33), (285, 39), (290, 46),
    (296, 57), (298, 70), (301, 84), (301, 90), (299, 100), (296, 107), (289, 117), (283, 123),
    (279, 128), (272, 131), (262, 120), (262, 100), (190, 100), (190, 118),
)  # fmt: skip
BODY = (
    (33, 330), (40, 298), (48, 278), (58, 255), (68, 243), (78, 232), (92, 225), (104, 212),
    (112, 207), (115, 200), (113, 188), (120, 184), (125, 172), (133, 162), (145, 154),
    (160, 150), (176, 148.5), (186, 150), (225, 165), (256, 172), (263, 178), (275, 186),
    (288, 199), (297, 213), (303, 228), (305, 237), (313, 238), (325, 245), (338, 256),
    (345, 268), (348, 280), (353, 300), (357, 330),
)  # fmt: skip
LIPS = ((202, 139), (213, 139.5), (224, 139.5), (236, 140), (247, 140.5), (240, 148), (233, 153.5),
        (224, 155), (214, 153), (207, 147))  # fmt: skip
TEETH = ((204, 140), (214, 142), (224, 142.5), (235, 142.5), (245, 141.5), (236, 147), (228, 149.5),
         (216, 149.5), (208, 145))  # fmt: skip
BEARD = ((182, 122), (192, 138), (202, 134), (214, 134), (225, 135.5), (236, 134), (247, 136),
         (258, 139), (269, 124), (265, 150), (252, 168), (236, 178), (224, 180), (214, 179),
         (200, 171), (186, 152))  # fmt: skip
# What the warp moves besides the face, and what it keeps in place.
HAIR_POINTS = np.array(
    [(155, 72), (160, 110), (190, 31), (229, 15.5), (278, 33), (300, 76), (291, 115)]
)
FIXED_POINTS = np.array(
    [(0, 0), (511, 0), (120, 195), (187, 182), (253, 187), (303, 235), (225, 240), (0, 330),
     (225, 330), (511, 330)]
)  # fmt: skip

# Factors for the portrait's skin (RGB), and colours of hair and clothes.
SKIN_TONES = np.array(
    [(1.03, 1.02, 1.02), (1, 0.95, 0.9), (0.93, 0.84, 0.74), (0.84, 0.71, 0.6), (0.7, 0.56, 0.46),
     (0.56, 0.43, 0.36)]
)  # fmt: skip
HAIR_COLOURS = np.array(
    [(0.2, 0.18, 0.17), (0.36, 0.26, 0.2), (0.55, 0.38, 0.24), (0.7, 0.38, 0.22),
     (0.98, 0.82, 0.52), (0.8, 0.8, 0.8), (0.28, 0.2, 0.15)]
)  # fmt: skip
CLOTHES = np.array(
    [(0.95, 0.5, 0.3), (0.3, 0.45, 0.85), (0.35, 0.6, 0.4), (0.75, 0.25, 0.3), (0.6, 0.62, 0.66),
     (0.5, 0.38, 0.62), (0.85, 0.75, 0.5), (0.3, 0.34, 0.42)]
)  # fmt: skip

LEFT_RIGHT = np.array([[-1.0, 0.0], [1.0, 0.0]])  # spreads a pair of landmarks
DOWN = np.array([0.0, 1.0])
Landmarks = dict[str, Array]


def manifest_rows() -> list[dict[str, str]]:
    """Return the demo's manifest, one row per clip, with the keys `COLUMNS`.

    Each identity has a real clip and a fake with its partner's face. Partners are (0, 1), (2, 3),
    ...; fakes have ids `target_source`, as in FaceForensics++.
    """
    rows = []
    for number in range(N_IDENTITIES):
        target, partner = f"id{number:02d}", f"id{number ^ 1:02d}"
        for label, source, method in (("real", "", "original"), ("fake", partner, "swap")):
            video_id = f"{target}_{source}" if source else target
            path = f"resources/demo/{video_id}.mp4"
            values = (video_id, path, label, target, source, DEMO, method)
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def frame_rate(video_id: str) -> int:
    """Return the clip's frames per second; a fake has its target's."""
    target, _ = _parse_id(video_id)
    return 25 if _number(target) % 4 == 3 else 30


def render(video_id: str) -> Iterator[Array]:
    """Yield the clip's frames before encoding, (HEIGHT, WIDTH, 3) uint8 RGB.

    Raises a UserError if the demo has no such clip.
    """
    target, source = _parse_id(video_id)
    times = np.arange(math.ceil(SECONDS * frame_rate(video_id))) / frame_rate(video_id)
    person = _draw_person(target, target)
    still = _film(person, target)
    warp = _make_warp(person.landmarks, person.scale)
    noise = _sensor_noise(target)
    swap = None
    if source:
        donor = _draw_person(source, target)
        swap = _make_swap(person, donor, _film(donor, source))
    jitter = _rng(video_id, "alignment").normal(0, 0.12, (len(times), 2))
    for pose, offset in zip(_poses(target, times), jitter, strict=True):
        where = warp(pose)
        frame = cv2.remap(still, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        frame = cv2.convertScaleAbs(frame, alpha=pose.light)
        x, y = pose.noise_offset
        frame = cv2.add(frame, noise[y : y + HEIGHT, x : x + WIDTH], dtype=cv2.CV_8U)
        yield swap(frame, where, offset) if swap else frame


def write_clip(video_id: str, path: Path) -> None:
    """Encode the clip as H.264 in an MP4 file, with one thread for reproducible bytes."""
    cv2.setNumThreads(1)
    with (
        atomic_write(path) as temporary,
        av.open(str(temporary), "w", "mp4", options={"fflags": "+bitexact"}) as container,
    ):
        stream = container.add_stream("libx264", rate=frame_rate(video_id), options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in render(video_id):
            planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv420p")))
        container.mux(stream.encode())


def _parse_id(video_id: str) -> tuple[str, str]:
    """Return target and source of a clip; the source of a real one is empty."""
    for row in manifest_rows():
        if row["video_id"] == video_id:
            return row["target"], row["source"]
    raise UserError(
        f"The demo has no clip {video_id!r}. Choose a video_id from config/demo.tsv, such as id00 "
        "or id00_id01."
    )


def _number(identity: str) -> int:
    return int(identity.removeprefix("id"))


def _rng(*words: str) -> np.random.Generator:
    """Return a generator seeded with the words."""
    digest = hashlib.blake2b("/".join(words).encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


# --- People: face shape, skin, hair and clothes


@dataclass(frozen=True)
class _Person:
    """A frame-sized picture of a person at rest, floats from 0 to 1."""

    picture: Array  # (HEIGHT, WIDTH, 3)
    matte: Array  # (HEIGHT, WIDTH), 1 where the person is
    landmarks: Landmarks
    scale: float  # frame pixels per portrait pixel


def _draw_person(identity: str, performer: str) -> _Person:
    """Draw an identity with the performer's facial expression at rest."""
    rng = _rng(identity, "framing")
    scale = rng.uniform(1.22, 1.4)
    turn = rng.normal(0, 0.02)
    centre = np.array([WIDTH / 2, HEIGHT / 2 - 4]) + rng.uniform(-1, 1, 2) * (30, 6)
    mirrored = rng.random() < 0.5
    to_frame = transform.SimilarityTransform(scale=scale, rotation=turn)
    to_frame += transform.SimilarityTransform(
        translation=centre - to_frame(np.array([[225.0, 122.0]]))[0]
    )

    moved = _face_shape(identity, performer)
    volume = _rng(identity, "hair").uniform(-0.1, 0.16, (len(HAIR_POINTS), 1))
    hair = HAIR_POINTS + volume * (HAIR_POINTS - (225, 100))
    shape = transform.ThinPlateSplineTransform.from_estimate(
        np.concatenate([*moved.values(), hair, FIXED_POINTS]),
        np.concatenate([*LANDMARKS.values(), HAIR_POINTS, FIXED_POINTS]),
    )
    nodes = _nodes(4)  # the spline is smooth
    where = shape(to_frame.inverse(nodes.reshape(-1, 2))).reshape(nodes.shape)
    where = cv2.resize(where.astype(np.float32), (WIDTH, HEIGHT))

    masks = {
        name: cv2.remap(mask, where, None, cv2.INTER_LINEAR) for name, mask in _masks().items()
    }
    marks = cv2.remap(_skin_marks(identity), where, None, cv2.INTER_LINEAR)
    picture = cv2.remap(
        data.astronaut(), where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    picture = _colour(picture.astype(np.float32) / 255, masks, marks, identity)
    matte = masks["skin"] + masks["hair"] + masks["body"]
    matte = np.clip(3 * matte - 2, 0, 1)  # inside the edge, which shows the old backdrop
    landmarks = {name: to_frame(points) for name, points in moved.items()}
    if mirrored:
        picture, matte = picture[:, ::-1], matte[:, ::-1]
        landmarks = {name: (WIDTH - 1, 0) + p[::-1] * (-1, 1) for name, p in landmarks.items()}
    return _Person(picture, matte, landmarks, scale)


def _face_shape(identity: str, performer: str) -> Landmarks:
    """Return the identity's landmarks in the portrait."""
    rng = _rng(identity, "shape")
    points = {name: p.copy() for name, p in LANDMARKS.items()}

    def move(names: str, by: Array) -> None:
        for name in names.split():
            points[name] += by

    def widen(names: str, factor: float) -> None:
        for name in names.split():
            middle = points[name].mean(axis=0)
            points[name][:, 0] = middle[0] + (points[name][:, 0] - middle[0]) * factor

    eyes, brows = "eye_outer eye_top eye_bottom eye_inner", "brow_outer brow_middle brow_inner"
    opening = rng.uniform(-1.2, 1.2)
    move(f"{eyes} {brows}", rng.uniform(-3, 3) * LEFT_RIGHT + rng.uniform(-3, 3) * DOWN)
    move("eye_outer", rng.uniform(-1.5, 2.5) * LEFT_RIGHT + rng.uniform(-2, 2) * DOWN)
    move("eye_top", -opening * DOWN)
    move("eye_bottom", opening * DOWN / 2)
    move(brows, rng.uniform(-2.5, 2) * DOWN)
    move("brow_inner", rng.uniform(-1.5, 1.5) * DOWN)
    length = rng.uniform(-4, 4)
    move("nose_tip nose_base nose_wing", length * DOWN)
    widen("nose_wing", rng.uniform(0.85, 1.22))
    lips = "lip_top lip_inner_top lip_inner_high lip_inner_low lip_inner_bottom lip_bottom"
    move(f"mouth_corner {lips}", (0.7 * length + rng.uniform(-1, 2.5)) * DOWN)
    widen("mouth_corner lip_inner_high lip_inner_low", rng.uniform(0.78, 1.04))
    fullness = rng.uniform(-1, 1.3)
    move("lip_top", -fullness * DOWN)
    move("lip_bottom", fullness * DOWN)
    widen("jaw_ear temple", rng.uniform(0.94, 1.05))
    widen("jaw_middle", rng.uniform(0.93, 1.07))
    widen("jaw_low", rng.uniform(0.86, 1.12))
    chin = rng.uniform(-5, 8)
    move("chin", chin * DOWN)
    move("jaw_low", 0.7 * chin * DOWN)
    move("jaw_middle", 0.3 * chin * DOWN)

    rest = _rng(performer, "expression")
    closing = rest.uniform(0, 4.5)
    move("lip_inner_bottom lip_bottom", -closing * DOWN)
    move("lip_inner_low", -0.7 * closing * DOWN)
    move("mouth_corner", rest.uniform(0, 4.5) * DOWN)
    return points


def _nodes(step: int) -> Array:
    """Return the centres of the frame's `step` x `step` squares, (rows, columns, 2) float32, as
    `cv2.resize` places them."""
    x = (np.arange(WIDTH // step, dtype=np.float32) + 0.5) * step - 0.5
    y = (np.arange(HEIGHT // step, dtype=np.float32) + 0.5) * step - 0.5
    return np.stack(np.meshgrid(x, y), axis=-1)


def _soften(mask: Array, sigma: float) -> Array:
    """Blur a uint8 mask; returns float32 from 0 to 1."""
    return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), sigma)


def _fixed_point(points: Any) -> Array:
    """Convert positions to integers with 4 fractional bits, as OpenCV's drawing functions need."""
    return np.round(np.asarray(points) * 16).astype(np.int32)


def _fill(points: Any, sigma: float, size: tuple[int, int] = (512, 512)) -> Array:
    """Return a float32 mask (`size` is rows, columns) of a polygon with soft edges."""
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [_fixed_point(points)], 255, cv2.LINE_AA, shift=4)
    return _soften(mask, sigma)


def _masks() -> dict[str, Array]:
    """Return soft masks of the portrait's regions."""
    skin, hair, body = _fill(SKIN, 1.2), _fill(HAIR, 1.0), _fill(BODY, 1.0)
    teeth = _fill(TEETH, 0.7)
    outline = ("eye_outer", "eye_top", "eye_inner", "eye_bottom")
    eyes = [[LANDMARKS[name][side] for name in outline] for side in (0, 1)]
    white = np.max([teeth, *(_fill(eye, 0.7) for eye in eyes)], axis=0)
    lines = np.stack([LANDMARKS[f"brow_{part}"] for part in ("outer", "middle", "inner")], axis=1)
    brows = np.zeros((512, 512), np.uint8)
    cv2.polylines(brows, list(_fixed_point(lines)), False, 255, 3, cv2.LINE_AA, 4)
    beard = np.maximum(_fill(BEARD, 5.0) - _fill(LIPS, 1.5), 0)
    return {
        "skin": skin,
        "hair": hair * (1 - skin),
        "body": body * (1 - skin) * (1 - hair),
        "white": white,
        "brows": _soften(brows, 0.9),
        "lips": _fill(LIPS, 0.9) * (1 - teeth),
        "beard": beard * skin,
    }


def _skin_marks(identity: str) -> Array:
    """Return how much moles and freckles darken the skin of the portrait, from 0 to 1."""
    rng = _rng(identity, "marks")
    marks = np.zeros((512, 512), np.uint8)
    freckles = 90 if rng.random() < 0.3 else 0
    for number in range(freckles + 4):
        mole = number >= freckles
        x, y = rng.uniform((188, 86), (264, 174)) if mole else rng.normal((225, 120), (22, 9))
        size = rng.uniform(0.8, 1.4) if mole else rng.uniform(0.5, 0.9)
        depth = rng.uniform(50, 130) if mole else rng.uniform(15, 50)
        centre = (round(x * 16), round(y * 16))
        cv2.circle(marks, centre, round(size * 16), depth, cv2.FILLED, cv2.LINE_AA, shift=4)
    return _soften(marks, 0.6)


def _smooth_noise(rng: np.random.Generator, sigma: float) -> Array:
    """Return a frame-sized float32 field of smooth noise with unit variance."""
    field = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32), (0, 0), sigma)
    return field / field.std()


def _colour(picture: Array, masks: dict[str, Array], marks: Array, identity: str) -> Array:
    """Apply the identity's colours and textures to skin, brows, lips, hair and clothes."""
    # faces are swapped between people of similar skin, so partners get similar tones
    shade = _rng(f"pair{_number(identity) // 2}", "tone").integers(len(SKIN_TONES))
    shade += _rng(identity, "tone").integers(-1, 2)
    skin_tone = SKIN_TONES[np.clip(shade, 0, len(SKIN_TONES) - 1)]
    rng = _rng(identity, "colour")
    skin, hair, body, white, brows, lips, beard = (mask[..., None] for mask in masks.values())
    tone = np.float32(skin_tone * rng.uniform(0.97, 1.03, 3))
    hair_colour = np.float32(rng.choice(HAIR_COLOURS) * rng.uniform(0.96, 1.04, 3))
    clothes = np.float32(rng.choice(CLOTHES) * rng.uniform(0.9, 1.1, 3))
    lip_tint = np.float32(1 - rng.uniform(0, (0.12, 0.3, 0.25)))
    pores = rng.uniform(0.01, 0.03) * _smooth_noise(rng, 0.9)[..., None]
    blotches = rng.uniform(0.01, 0.03) * _smooth_noise(rng, 7)[..., None]
    stubble = rng.uniform(0.05, 0.13) if rng.random() < 0.35 else 0.0
    brow_depth = rng.uniform(0.05, 0.5)

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
    picture = picture * (1 + skin * (1 - 0.5 * white) * (tone - 1))
    picture *= 1 + skin * (1 - white) * (pores + blotches)
    picture *= 1 - skin * (1 - white) * marks[..., None] * np.array((0.6, 0.8, 0.9), np.float32)
    picture *= 1 - beard * stubble * (1 + 6 * pores) * np.array((1, 0.95, 0.85), np.float32)
    picture *= (1 - brows * brow_depth) * (1 + lips * (lip_tint - 1))
    picture += hair * (1.5 * grey**1.1 * hair_colour - picture)
    orange = np.clip(3 * (picture[..., :1] - picture[..., 2:]) - 0.5, 0, 1) * body
    picture += orange * (1.7 * grey * clothes - picture)
    return np.clip(picture, 0, 1)


# --- Camera: backdrop, light, lens, noise


def _film(person: _Person, target: str) -> Array:
    """Return the still picture of a recording, uint8 RGB: person, backdrop, light, lens."""
    rng = _rng(target, "camera")
    light = np.exp(rng.uniform(0.15, 0.55) * _slope(rng))
    white_balance = np.exp(rng.normal(0, 0.025, 3))
    matte = person.matte[..., None]
    scene = matte * person.picture * light + (1 - matte) * _backdrop(target)
    scene = np.clip(scene * white_balance, 0, 1) ** math.exp(rng.normal(0.05, 0.08))
    scene = cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.3, 0.8))
    return np.round(255 * np.clip(scene, 0, 1)).astype(np.uint8)


def _slope(rng: np.random.Generator) -> Array:
    """Return a gradient in a random direction, (HEIGHT, WIDTH, 1), about -0.5 to 0.5."""
    angle = rng.uniform(0, 2 * math.pi)
    x, y = np.split(_nodes(1) / (WIDTH, HEIGHT) - 0.5, 2, axis=-1)
    return math.cos(angle) * x + math.sin(angle) * y


def _backdrop(target: str) -> Array:
    """Return an out-of-focus wall, float RGB from 0 to 1: two colours, stripes, blotches."""
    rng = _rng(target, "backdrop")
    first, second = rng.uniform(0.15, 0.8) + rng.uniform(-0.08, 0.08, (2, 3))
    wall = first + np.clip(0.5 + 0.7 * _slope(rng), 0, 1) * (second - first)
    across = np.arange(WIDTH)[:, None] / WIDTH
    stripes = np.sin(2 * math.pi * (rng.uniform(1.5, 6) * across + rng.random()))
    wall = wall + rng.uniform(0, 0.07) * np.tanh(2 * stripes)
    return wall + rng.uniform(0.01, 0.05) * _smooth_noise(rng, 30)[..., None]


def _sensor_noise(target: str) -> Array:
    """Return the camera's noise, int16 RGB, 64 pixels larger than a frame on each axis."""
    rng = _rng(target, "noise")
    strength = rng.uniform(1.5, 4)
    size = (HEIGHT + 64, WIDTH + 64)
    grain = rng.standard_normal((*size, 3), dtype=np.float32)
    grain = 0.8 * rng.standard_normal((*size, 1), dtype=np.float32) + 0.6 * grain
    grain = cv2.GaussianBlur(grain, (0, 0), 0.5)
    return np.round(strength / grain.std() * grain).astype(np.int16)


# --- Motion


@dataclass(frozen=True)
class _Pose:
    """State of person and camera in one frame; lengths in pixels, angles in radians."""

    shift: Array  # (2,) of the head
    roll: float
    zoom: float
    turn: Array  # (2,) of the nose against the ears: yaw, pitch
    jolt: Array  # (2,) of the camera
    blink: float  # 0 open .. 1 closed
    mouth: float  # 0 at rest .. 1 wide open
    light: float  # gain
    noise_offset: Array  # (2,) integers


def _wave(rng: np.random.Generator, times: Array, low: float, high: float) -> Array:
    """Return a smooth signal of unit variance: three sines with frequencies in a range, Hz."""
    frequencies = rng.uniform(low, high, (3, 1))
    phases = rng.uniform(0, 2 * math.pi, (3, 1))
    return np.sin(2 * math.pi * frequencies * times + phases).sum(axis=0) / math.sqrt(1.5)


def _poses(target: str, times: Array) -> Iterator[_Pose]:
    """Yield the pose at each time, in seconds."""
    rng = _rng(target, "motion")
    head = [_wave(rng, times, 0.08, 0.45) for _ in range(6)]
    jolt = [_wave(rng, times, 0.3, 1.2) for _ in range(2)]
    light = _wave(rng, times, 0.05, 0.2)
    words = np.clip(_wave(rng, times, 1.8, 3.8), 0, 1.5) / 1.5
    speaking = np.clip(0.5 + _wave(rng, times, 0.1, 0.35), 0, 1)
    blinks = np.cumsum(rng.uniform(1.4, 4, 8))
    for n, time in enumerate(times):
        closing = np.clip(1 - np.abs(time - blinks).min() / 0.13, 0, 1)
        yield _Pose(
            shift=np.array([4.0 * head[0][n], 2.2 * head[1][n]]),
            roll=0.022 * head[2][n],
            zoom=1 + 0.014 * head[3][n],
            turn=np.array([2.6 * head[4][n], 1.8 * head[5][n]]),
            jolt=np.array([0.6 * jolt[0][n], 0.6 * jolt[1][n]]),
            blink=math.sin(math.pi / 2 * closing) ** 2,
            mouth=words[n] * speaking[n],
            light=1 + 0.025 * light[n],
            noise_offset=rng.integers(0, 64, 2),
        )


def _make_warp(landmarks: Landmarks, scale: float) -> Callable[[_Pose], Array]:
    """Return a function that maps each pixel of a posed frame to its position in the still picture,
    (HEIGHT, WIDTH, 2)."""
    nodes = _nodes(FIELD_STEP)
    x, y = nodes[..., 0], nodes[..., 1]
    nose, chin = landmarks["nose_bridge"][0], landmarks["chin"][0]
    far = ((nodes - nose) ** 2).sum(axis=-1, keepdims=True)
    head = np.exp(-((far / (125 * scale) ** 2) ** 2))
    depth = np.exp(-(((x - nose[0]) / 50) ** 2 + ((y - nose[1] - 20) / 65) ** 2) / scale**2)

    blink = np.zeros_like(x)
    for side in (0, 1):
        eye = (landmarks["eye_top"][side] + 2 * landmarks["eye_bottom"][side]) / 3
        near = ((y - eye[1]) ** 2 + (0.5 * (x - eye[0])) ** 2) / (2 * (3.5 * scale) ** 2)
        blink += 2.1 * (y - eye[1]) * np.exp(-near)  # above 2.24 the picture would fold

    line = (landmarks["lip_inner_top"][0] + landmarks["lip_inner_bottom"][0]) / 2
    below = (y - line[1]) / scale
    sideways = np.exp(-(((x - line[0]) / (26 * scale)) ** 2))
    fading = np.exp(-((np.maximum(below, 0) / 42) ** 2))
    mouth = -4 * scale * sideways * fading / (1 + np.exp(-np.clip(below / 1.3, -30, 30)))

    zero = np.zeros_like(x)
    neck = chin + 40 * DOWN  # the head rolls about it
    head, depth = head.astype(np.float32), depth[..., None].astype(np.float32)
    blink = np.stack([zero, blink], axis=-1).astype(np.float32)
    mouth = np.stack([zero, mouth], axis=-1).astype(np.float32)

    def warp(pose: _Pose) -> Array:
        cos, sin = math.cos(pose.roll) / pose.zoom, math.sin(pose.roll) / pose.zoom
        inverse = np.array([[cos - 1, sin], [-sin, cos - 1]], np.float32)
        offset = (-pose.shift - inverse @ neck).astype(np.float32)
        where = nodes + head * (cv2.transform(nodes, inverse) + offset)
        where -= depth * pose.turn.astype(np.float32)
        where -= pose.jolt.astype(np.float32)
        expression = pose.blink * blink + pose.mouth * mouth
        at = (where + 0.5) / FIELD_STEP - 0.5
        where += cv2.remap(expression.astype(np.float32), at, None, cv2.INTER_LINEAR)
        return cv2.resize(where, (WIDTH, HEIGHT))

    return warp


# --- Face swap


def _make_swap(
    target: _Person, source: _Person, still: Array
) -> Callable[[Array, Array, Array], Array]:
    """Return a function that puts the source's face, seen in its `still`, into a frame.

    The function takes the frame, the positions of its pixels in the target's still picture, and the
    alignment error in pixels of the network's output. It matches colours as the swap programs do,
    by mean and deviation of each channel in Lab (Reinhard et al., 2001, "Color transfer between
    images").
    """
    source_hull, target_hull = _hull(source.landmarks), _hull(target.landmarks)
    low, high = source_hull.min(axis=0), source_hull.max(axis=0)
    side = math.ceil(1.15 * max(high - low))
    x, y = np.round((low + high - side) / 2).astype(int)
    crop = still[y : y + side, x : x + side].astype(np.float32) / 255
    crop = cv2.resize(crop, (SWAP_SIZE, SWAP_SIZE), interpolation=cv2.INTER_AREA)
    lab_face = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB)

    inner = [name for name in LANDMARKS if name.startswith(("eye", "nose", "mouth", "lip"))]
    align = transform.AffineTransform.from_estimate(
        np.concatenate([target.landmarks[name] for name in inner]),
        np.concatenate([source.landmarks[name] for name in inner]),
    )
    factor = SWAP_SIZE / side
    shrink = transform.SimilarityTransform(
        scale=factor, translation=factor * (0.5 - np.array([x, y])) - 0.5
    )
    to_face = align + shrink
    hulls = (to_face(target_hull), shrink(source_hull))
    face_mask = np.min([_fill(hull, 2.0, (SWAP_SIZE, SWAP_SIZE)) for hull in hulls], axis=0)
    face_mean, face_std = cv2.meanStdDev(lab_face, mask=(face_mask > 0.5).astype(np.uint8))
    left, top = np.maximum(target_hull.min(axis=0) - 20, 0).astype(int)
    right, bottom = np.ceil(target_hull.max(axis=0) + 20).astype(int)
    window = (slice(top, bottom), slice(left, right))

    def swap(frame: Array, where: Array, error: Array) -> Array:
        at = cv2.transform(where[window], to_face.params[:2]) + error.astype(np.float32)
        mask = cv2.remap(face_mask, at, None, cv2.INTER_LINEAR)[..., None]
        region = frame[window].astype(np.float32) / 255
        lab = cv2.cvtColor(region, cv2.COLOR_RGB2LAB)
        mean, std = cv2.meanStdDev(lab, mask=(mask > 0.5).astype(np.uint8))
        gain = np.clip(std / face_std, 0.7, 1.4).ravel()
        face = (lab_face - face_mean.ravel()) * gain + mean.ravel()
        face = cv2.cvtColor(face.astype(np.float32), cv2.COLOR_LAB2RGB)
        face = cv2.remap(face, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        swapped = frame.copy()
        swapped[window] = np.round(255 * np.clip(region + mask * (face - region), 0, 1))
        return swapped

    return swap


def _hull(landmarks: Landmarks) -> Array:
    """Return the corners of the face region that a swap replaces, brows to chin."""
    rim = [name for name in landmarks if name.startswith(("brow", "jaw", "chin"))]
    points = np.concatenate([landmarks[name] for name in rim])
    corners = cv2.convexHull(points.astype(np.float32))[:, 0]
    middle = corners.mean(axis=0)
    return middle + 0.93 * (corners - middle)

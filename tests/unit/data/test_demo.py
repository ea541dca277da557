"""The demo's synthetic clips: the manifest, and properties of real and fake clips."""

import csv
from collections import Counter
from itertools import combinations, islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from workflow_scripts.data.make_demo_video import main
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data import demo
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import read_manifest

MANIFEST = Path(__file__).parents[3] / "config/demo.tsv"
ROWS = demo.manifest_rows()
REAL = [row for row in ROWS if row["label"] == "real"]
FAKE = [row for row in ROWS if row["label"] == "fake"]
LAST_SAMPLED_FRAME = 180
RENDERED = FAKE[::5]


def frames(video_id: str, count: int) -> list[np.ndarray]:
    return list(islice(demo.render(video_id), count))


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(one.astype(float) - other).mean())


@pytest.fixture(scope="module")
def first_frames() -> dict[str, np.ndarray]:
    return {row["video_id"]: frames(row["video_id"], 1)[0] for row in REAL + RENDERED}


def swapped_box(real: np.ndarray, fake: np.ndarray) -> tuple[slice, slice]:
    """Where a fake differs from its target's real clip: rows and columns."""
    x, y, width, height = cv2.boundingRect((real != fake).any(axis=2).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)


def test_manifest_file_matches_the_module() -> None:
    with MANIFEST.open(newline="", encoding="utf-8") as table:
        reader = csv.DictReader(table, delimiter="\t")
        assert list(reader) == ROWS
        assert tuple(reader.fieldnames or ()) == demo.COLUMNS


def test_each_identity_has_one_real_and_one_fake_clip() -> None:
    targets = [row["target"] for row in REAL]
    assert len(set(targets)) == len(targets) >= 16
    assert sorted(targets) == sorted(row["target"] for row in FAKE)
    assert len({row["video_id"] for row in ROWS}) == len(ROWS)
    assert all(row["video_id"] == row["target"] and not row["source"] for row in REAL)


def test_partners_swap_faces_with_each_other_only() -> None:
    pairs = {(row["target"], row["source"]) for row in FAKE}
    assert {(source, target) for target, source in pairs} == pairs
    assert all(row["video_id"] == f"{row['target']}_{row['source']}" for row in FAKE)

    groups = Counter(assign_groups(read_manifest(MANIFEST).values()).values())
    assert set(groups.values()) == {4}
    assert len(groups) == len(REAL) // 2


def test_frame_rates_vary_independently_of_the_label() -> None:
    rates = {row["video_id"]: demo.frame_rate(row["video_id"]) for row in ROWS}
    assert all(rates[row["video_id"]] == rates[row["target"]] for row in FAKE)
    assert set(rates.values()) == {25, 30}
    assert list(rates.values()).count(25) / len(rates) == pytest.approx(0.25, abs=0.05)


def test_clip_decodes_and_is_reproducible(tmp_path: Path) -> None:
    video_id = "id03_id02"
    main(video_id, tmp_path / "clip.mp4")
    main(video_id, tmp_path / "again.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == (tmp_path / "again.mp4").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2  # nothing unfinished is left

    clip = cv2.VideoCapture(str(tmp_path / "clip.mp4"))
    assert clip.get(cv2.CAP_PROP_FPS) == pytest.approx(demo.frame_rate(video_id))
    decoded = []
    while (read := clip.read())[0]:
        decoded.append(read[1])
    assert len(decoded) == np.ceil(7.5 * demo.frame_rate(video_id))
    assert len(decoded) > LAST_SAMPLED_FRAME
    assert {frame.shape for frame in decoded} == {(demo.HEIGHT, demo.WIDTH, 3)}
    drawn = frames(video_id, 1)[0]
    assert difference(decoded[0][..., ::-1], drawn) < 6  # right colours: red is not blue


def test_frames_are_rgb_pictures_that_move() -> None:
    pictures = frames("id05", 31)
    assert all(f.dtype == np.uint8 and f.shape == (demo.HEIGHT, demo.WIDTH, 3) for f in pictures)
    noise_alone = difference(pictures[0], pictures[1])
    assert difference(pictures[0], pictures[30]) > 1.5 * noise_alone


def test_identities_differ_by_more_than_noise(first_frames: dict[str, np.ndarray]) -> None:
    middle = (slice(115, 245), slice(200, 280))  # within every face
    faces = [first_frames[row["video_id"]][middle] for row in REAL]
    noise = max(
        difference(one[middle], other[middle])
        for one, other in (frames(row["video_id"], 2) for row in REAL[:4])
    )
    nearest = min(difference(one, other) for one, other in combinations(faces, 2))
    assert nearest > 2 * noise


@pytest.mark.parametrize("row", RENDERED, ids=lambda row: row["video_id"])
def test_swap_changes_the_face_and_nothing_else(
    row: dict[str, str], first_frames: dict[str, np.ndarray]
) -> None:
    real, fake = first_frames[row["target"]], first_frames[row["video_id"]]
    rows, columns = swapped_box(real, fake)
    assert 80 < rows.stop - rows.start < 190
    assert 80 < columns.stop - columns.start < 170
    assert difference(real[rows, columns], fake[rows, columns]) > 3
    person = demo._draw_person(row["target"], row["target"])
    for nose in person.landmarks["nose_tip"]:
        assert columns.start < nose[0] < columns.stop
        assert rows.start < nose[1] < rows.stop


@pytest.mark.parametrize("row", RENDERED, ids=lambda row: row["video_id"])
def test_swap_loses_detail_but_keeps_the_colour(
    row: dict[str, str], first_frames: dict[str, np.ndarray]
) -> None:
    def detail(face: np.ndarray) -> float:
        return float(cv2.Laplacian(face.astype(np.float32), cv2.CV_32F).std())

    real, fake = first_frames[row["target"]], first_frames[row["video_id"]]
    face = swapped_box(real, fake)
    assert detail(fake[face]) < 0.9 * detail(real[face])
    assert np.abs(real[face].mean(axis=(0, 1)) - fake[face].mean(axis=(0, 1))).max() < 8


@pytest.mark.parametrize("video_id", ["id99", "id00_id02", "", "../id00"])
def test_unknown_clip_is_rejected(video_id: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config/demo\.tsv"):
        demo.write_clip(video_id, tmp_path / "clip.mp4")
    assert not list(tmp_path.iterdir())

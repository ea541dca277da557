import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from tests.clips import background, face_frame, paste_face
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.faces import mtcnn as detector
from workflow_scripts.lib.faces.mtcnn import (
    Detection,
    OnnxDetector,
    TensorflowDetector,
    crop_and_resize,
    make_detector,
    non_maximum_suppression,
    pyramid_scales,
)
from workflow_scripts.lib.faces.mtcnn_export import export_models

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    export_models(folder)
    return folder


@pytest.fixture(scope="module")
def mtcnn(models):
    return OnnxDetector(models, 20, 1)


def two_faces():
    return paste_face(face_frame(640, 360, 150, (160, 180)), 90, (480, 200))


# The image pyramid


@given(st.integers(12, 5000), st.integers(12, 5000), st.integers(12, 400))
def test_every_level_of_the_pyramid_holds_a_cell_and_the_next_would_not(height, width, smallest):
    scales = pyramid_scales(height, width, smallest)
    levels = np.array([*scales, 12 / smallest * 0.709 ** len(scales)]) * min(height, width)
    assert (levels[:-1] > 12.06).all()
    assert levels[-1] < 12.07
    assert levels[0] == pytest.approx(12 / smallest * min(height, width))
    assert levels[1:] == pytest.approx(levels[:-1] * 0.709)


def test_pyramid_is_the_packages_at_its_default_size():
    for side in range(12, 4400):
        count = round(-(np.log(side / 12) / np.log(0.709) + 1))  # mtcnn.utils.images
        assert pyramid_scales(side, 5000, 20) == pytest.approx(0.6 * 0.709 ** np.arange(count))


# Suppression of boxes that overlap


def some_boxes(seed, n):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 100, (n, 2))
    boxes = np.hstack([corners, corners + rng.uniform(1, 60, (n, 2))])
    scores = rng.permutation(n).astype(np.float32) / n
    return boxes, scores


def overlap(a, b, relative_to):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    area_a, area_b = ((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return shared / (min(area_a, area_b) if relative_to == "smaller" else area_a + area_b - shared)


@given(
    st.integers(0, 1000),
    st.integers(0, 40),
    st.floats(0.1, 0.9),
    st.sampled_from(["union", "smaller"]),
)
def test_a_box_is_kept_when_no_box_of_higher_score_overlaps_it(seed, n, threshold, relative_to):
    boxes, scores = some_boxes(seed, n)
    selected = non_maximum_suppression(boxes, scores, threshold, relative_to)
    assert (np.diff(scores[selected]) < 0).all()
    expected = {
        j
        for j in range(n)
        if not any(
            scores[i] > scores[j] and overlap(boxes[i], boxes[j], relative_to) > threshold
            for i in range(n)
        )
    }
    assert set(selected.tolist()) == expected


@given(st.integers(0, 1000), st.integers(1, 700))
@settings(max_examples=30)
def test_suppression_is_idempotent_and_the_order_of_the_boxes_does_not_matter(seed, n):
    boxes, scores = some_boxes(seed, n)
    selected = non_maximum_suppression(boxes, scores, 0.5)
    assert non_maximum_suppression(boxes[selected], scores[selected], 0.5).tolist() == list(
        range(len(selected))
    )
    shuffled = np.random.default_rng(seed).permutation(n)
    assert (
        shuffled[non_maximum_suppression(boxes[shuffled], scores[shuffled], 0.5)] == selected
    ).all()


def reference_suppression(boxes, scores, threshold, relative_to):
    """The result of `non_maximum_suppression`, by comparing all boxes with all."""
    order = np.argsort(scores.astype(np.float64))[::-1]
    x1, y1, x2, y2 = boxes[order].T
    areas = (x2 - x1) * (y2 - y1)
    widths = np.minimum(x2[:, None], x2) - np.maximum(x1[:, None], x1)
    heights = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    shared = np.maximum(widths, 0) * np.maximum(heights, 0)
    if relative_to == "union":
        whole = areas[:, None] + areas - shared
    else:
        whole = np.minimum(areas[:, None], areas)
    return order[~np.triu(shared > threshold * whole, 1).any(axis=0)]


@given(
    st.integers(0, 10_000),
    st.integers(0, 900),
    st.sampled_from([20, 200, 2000]),
    st.sampled_from([8, 80, 800]),
    st.sampled_from([0, 0.02]),
    st.booleans(),
    st.sampled_from([0.5, 0.7]),
    st.sampled_from(["union", "smaller"]),
)
@settings(max_examples=60, deadline=None)
def test_suppression_by_neighbourhoods_equals_that_of_all_against_all(
    seed, n, width, side, inverted, rounded, threshold, relative_to
):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, width, (n, 2))
    boxes = np.hstack([corners, corners + side * rng.uniform(0, 1, (n, 2)) ** 2])
    for swapped in ([2, 1, 0, 3], [0, 3, 2, 1]):  # inside out
        chosen = rng.random(n) < inverted
        boxes[chosen] = boxes[chosen][:, swapped]
    scores = rng.random(n).astype(np.float32)
    if rounded:  # equal scores, equal corners, and boxes without an area
        boxes, scores = boxes.round(), scores.round(1)
    selected = non_maximum_suppression(boxes, scores, threshold, relative_to)
    assert (
        selected.tolist() == reference_suppression(boxes, scores, threshold, relative_to).tolist()
    )


def test_comparisons_grow_with_the_number_of_boxes_and_not_with_its_square():
    rng = np.random.default_rng(0)
    for n in (5_000, 20_000, 80_000):
        corners = rng.uniform(0, 12 * n**0.5, (n, 2))  # as close to one another each time
        boxes = np.hstack([corners, corners + 12])
        shares = list(detector._neighbourhoods(boxes))
        assert np.array_equal(np.sort(np.concatenate([some for some, _ in shares])), np.arange(n))
        assert sum(len(some) * len(near) for some, near in shares) < 400 * n


def test_of_too_many_boxes_the_most_confident_are_selected(monkeypatch):
    boxes, scores = some_boxes(3, 500)
    best = np.argsort(scores)[-200:]
    expected = best[non_maximum_suppression(boxes[best], scores[best], 0.5)]
    monkeypatch.setattr(detector, "MAX_BOXES", 200)
    assert non_maximum_suppression(boxes, scores, 0.5).tolist() == expected.tolist()


# Crops


def slow_sample(pixels, x, y):
    height, width = pixels.shape[:2]
    if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
        return np.full(3, 127.5)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    upper = pixels[top, left] * (left + 1 - x) + pixels[top, right] * (x - left)
    lower = pixels[bottom, left] * (left + 1 - x) + pixels[bottom, right] * (x - left)
    return upper * (top + 1 - y) + lower * (y - top)


coordinate = st.floats(-20, 60, width=32).map(lambda x: round(x, 2) + 0.003)


@given(st.lists(st.tuples(*[coordinate] * 4), min_size=1, max_size=4), st.integers(2, 30))
@settings(max_examples=60, deadline=None)
def test_crops_follow_the_formula(corners, size):
    pixels = np.random.default_rng(0).uniform(0, 255, (33, 47, 3)).astype(np.float32)
    crops = crop_and_resize(pixels, np.array(corners), size)
    assert crops.shape == (len(corners), size, size, 3)
    assert crops.dtype == np.float32
    for (x1, y1, x2, y2), crop in zip(corners, crops, strict=True):
        for row, column in [(0, 0), (0, size - 1), (size - 1, 0), (size // 2, size // 3)]:
            x = (x1 + (x2 - x1) * column / (size - 1)) * 46 / 47
            y = (y1 + (y2 - y1) * row / (size - 1)) * 32 / 33
            assert crop[row, column] == pytest.approx(slow_sample(pixels, x, y), abs=0.02)


# The networks: the files against the layers of the package, written out


def convolve(x, kernel, bias):
    windows = sliding_window_view(x, kernel.shape[:2], axis=(0, 1))
    return np.einsum("ijchw,hwco->ijo", windows, kernel, optimize=True) + bias


def pool(x, size, padding):
    if padding == "same":
        missing = [max((-(-n // 2) - 1) * 2 + size - n, 0) for n in x.shape[:2]]
        x = np.pad(x, [(0, missing[0]), (0, missing[1]), (0, 0)], constant_values=-np.inf)
    return sliding_window_view(x, (size, size), axis=(0, 1))[::2, ::2].max(axis=(3, 4))


def prelu(x, slopes):
    return np.where(x > 0, x, x * slopes)


def layers_of_the_package(network, pixels):
    folder = Path(importlib.util.find_spec("mtcnn").origin).parent / "assets" / "weights"
    weights = iter([w.astype(np.float64) for w in joblib.load(folder / f"{network}.lz4")])
    pools = {
        "pnet": [(2, "same"), None, None],
        "rnet": [(3, "same"), (3, "valid"), None],
        "onet": [(3, "same"), (3, "valid"), (2, "same"), None],
    }[network]
    x = (pixels.astype(np.float64) - 127.5) / 128
    for step in pools:
        x = prelu(convolve(x, next(weights), next(weights)), next(weights))
        x = pool(x, *step) if step else x
    if network == "pnet":
        kernels = list(weights)
        heads = [convolve(x, *kernels[i : i + 2]) for i in (0, 2)]
    else:
        x = x.transpose(1, 0, 2).reshape(-1)
        x = prelu(x @ next(weights) + next(weights), next(weights))
        arrays = list(weights)
        heads = [x @ arrays[i] + arrays[i + 1] for i in range(0, len(arrays), 2)]
    *others, classes = heads
    return np.concatenate([*others, classes[..., 1:] - classes[..., :1]], axis=-1)


@pytest.mark.parametrize(
    ("network", "height", "width"),
    [("pnet", 12, 12), ("pnet", 31, 44), ("pnet", 40, 13), ("rnet", 24, 24), ("onet", 48, 48)],
)
def test_the_networks_compute_what_the_package_says(models, network, height, width):
    images = np.random.default_rng(1).uniform(0, 255, (2, height, width, 3)).astype(np.float32)
    images[1] = face_frame(width, height, 2 * height)
    session = onnxruntime.InferenceSession(models / f"{network}.onnx")
    outputs = session.run(None, {"image": images})[0]
    for image, output in zip(images, outputs, strict=True):
        expected = layers_of_the_package(network, image)
        expected = expected.transpose(2, 0, 1) if network == "pnet" else expected
        assert output == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_export_writes_the_same_bytes_each_time_and_nothing_else(models, tmp_path):
    export_models(tmp_path / "new" / "folder")
    again = {path.name: path.read_bytes() for path in (tmp_path / "new" / "folder").iterdir()}
    assert again == {path.name: path.read_bytes() for path in models.iterdir()}
    assert sorted(again) == ["onet.onnx", "pnet.onnx", "rnet.onnx"]


# Detection


@pytest.mark.parametrize("face_height", [30, 90, 250])
def test_finds_a_face_where_it_is(mtcnn, face_height):
    (face,) = mtcnn.detect(face_frame(640, 480, face_height, (330, 250)))
    x, y, width, height = face.box
    assert abs(x + width / 2 - 330) < face_height / 5
    assert abs(y + height / 2 - 250) < face_height / 5
    assert 0.7 < height / face_height < 1.4
    assert face.confidence > 0.95
    left_eye, right_eye, nose, left_mouth, right_mouth = face.keypoints
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert all(x < p < x + width and y < q < y + height for p, q in face.keypoints)


def test_returns_python_numbers_and_the_most_confident_face_first(mtcnn):
    faces = mtcnn.detect(two_faces())
    assert len(faces) == 2
    assert faces[0].confidence > faces[1].confidence
    for face in faces:
        assert type(face) is Detection
        assert {type(number) for number in face.box} == {int}
        assert {type(number) for point in face.keypoints for number in point} == {float}
        assert type(face.confidence) is float
        assert len(face.keypoints) == 5


def test_a_box_may_reach_beyond_the_frame(mtcnn):
    (face,) = mtcnn.detect(face_frame(640, 360, 200, (310, 60)))
    assert face.box[1] < 0


@pytest.mark.parametrize("min_face_size", [12, 28, 60, 100])
def test_a_large_face_is_found_whatever_the_smallest_size(models, min_face_size):
    assert len(OnnxDetector(models, min_face_size, 1).detect(face_frame(400, 300, 200))) == 1


def test_faces_below_the_smallest_size_are_ignored(models):
    picture = face_frame(640, 360, 30)
    assert len(OnnxDetector(models, 20, 1).detect(picture)) == 1
    assert OnnxDetector(models, 60, 1).detect(picture) == []


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((200, 300, 3), np.uint8),
        np.full((200, 300, 3), 255, np.uint8),
        background(),
        np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8),
        np.zeros((11, 300, 3), np.uint8),
        np.zeros((300, 11, 3), np.uint8),
        np.zeros((12, 12, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((0, 10, 3), np.uint8),
    ],
    ids=lambda picture: "x".join(map(str, picture.shape)),
)
def test_finds_nothing_where_there_is_nothing(mtcnn, picture):
    assert mtcnn.detect(picture) == []


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((100, 100, 3), np.float32),
        np.zeros((100, 100, 3), np.int64),
        np.zeros((100, 100), np.uint8),
        np.zeros((100, 100, 4), np.uint8),
        np.zeros((1, 100, 100, 3), np.uint8),
        np.zeros((12, 32767, 3), np.uint8),
    ],
    ids=lambda image: f"{image.shape} {image.dtype}",
)
def test_refuses_other_than_rgb_images(mtcnn, image):
    with pytest.raises(ValueError, match=r"The detector .* (not|type)"):
        mtcnn.detect(image)


def test_the_result_depends_only_on_the_image(models, mtcnn):
    picture = two_faces()
    expected = mtcnn.detect(picture)
    before = picture.copy()
    assert mtcnn.detect(picture) == expected
    assert OnnxDetector(models, 20, 2).detect(picture) == expected
    assert mtcnn.detect(np.asfortranarray(picture)) == expected
    assert mtcnn.detect(np.repeat(picture, 2, axis=1)[:, ::2]) == expected
    assert mtcnn.detect(picture[::-1].copy()[::-1]) == expected
    assert (picture == before).all()


def test_the_result_does_not_depend_on_batch_sizes(mtcnn, monkeypatch):
    picture = two_faces()
    expected = mtcnn.detect(picture)
    monkeypatch.setattr(detector, "STRIP_ROWS", 7)
    monkeypatch.setattr(detector, "BATCH", 3)
    detections = mtcnn.detect(picture)
    assert [face.box for face in detections] == [face.box for face in expected]
    for face, other in zip(detections, expected, strict=True):
        assert face.confidence == pytest.approx(other.confidence, abs=1e-5)
        assert np.array(face.keypoints) == pytest.approx(np.array(other.keypoints), abs=1e-2)


def many_faces():
    picture = background(800, 400)
    for x in range(50, 800, 100):
        for y in range(60, 400, 120):
            picture = paste_face(picture, 60, (x, y))
    return picture


def test_many_faces(mtcnn):
    assert len(mtcnn.detect(many_faces())) >= 20


def test_the_limit_on_faces_is_deterministic(mtcnn, monkeypatch):
    everything = {face.box for face in mtcnn.detect(many_faces())}
    monkeypatch.setattr(detector, "MAX_ONET_BOXES", 9)
    detections = mtcnn.detect(many_faces())
    assert 0 < len(detections) <= 9
    assert {face.box for face in detections} <= everything
    assert mtcnn.detect(many_faces()) == detections


def test_a_job_imports_little_and_prints_nothing(models, tmp_path):
    np.save(tmp_path / "picture.npy", two_faces())
    code = """
import sys
from pathlib import Path
import numpy as np
from workflow_scripts.lib.faces.mtcnn import make_detector
faces = make_detector("onnxruntime", Path(sys.argv[1]), 20, 1).detect(np.load(sys.argv[2]))
print(len(faces), [m for m in ("joblib", "mtcnn", "onnx", "tensorflow") if m in sys.modules])
"""
    process = subprocess.run(
        [sys.executable, "-c", code, str(models), str(tmp_path / "picture.npy")],
        capture_output=True,
        check=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"},
    )
    assert process.stdout == "2 []\n"
    assert process.stderr == ""


# Selection of the detector


def test_make_detector_reports_errors(models, tmp_path, monkeypatch):
    assert isinstance(make_detector("onnxruntime", models, 20, 1), OnnxDetector)
    with pytest.raises(ValueError, match=r"choose 'onnxruntime' or 'tensorflow'"):
        make_detector("torch", models, 20, 1)
    with pytest.raises(UserError, match=r"min_face_size is 11.*12 or more"):
        make_detector("onnxruntime", models, 11, 1)
    with pytest.raises(FileNotFoundError, match=r"pnet\.onnx is missing; export_models"):
        make_detector("onnxruntime", tmp_path, 20, 1)
    with pytest.raises(UserError, match=r"min_face_size is 21.*12 to 20.*onnxruntime"):
        TensorflowDetector(21, 1)
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # as if it were not installed
    with pytest.raises(UserError, match="make reference"):
        make_detector("tensorflow", models, 20, 1)

"""Feature sets: what each must say of pictures whose content is known."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.clips import face_frame
from workflow_scripts.lib.features import FEATURE_SETS, find_feature_set, recipe, shrink, spectrum
from workflow_scripts.lib.features._blocks import transform_blocks

SMALL = 32  # every set takes crops of this side
FLOATING = [name for name in FEATURE_SETS if name != "pixels"]
EVERYTHING = "+".join(FLOATING)
crops_of_any_kind = arrays(
    np.uint8, (2, SMALL, SMALL, 3), elements=st.integers(0, 255), fill=st.integers(0, 255)
)


@pytest.fixture(scope="module")
def faces():
    """Five crops of a face, each a little larger than the one before."""
    return np.stack([face_frame(160, 160, 80 + 10 * k) for k in range(5)])


def grey(plane):
    return np.repeat(np.clip(np.rint(plane), 0, 255).astype(np.uint8)[None, ..., None], 3, axis=3)


def waves(side, vertical, horizontal, height=60.0):
    """A picture of one wave, in cycles per crop, (1, side, side, 3)."""
    y, x = np.mgrid[:side, :side] / side
    return grey(128 + height * np.sin(2 * np.pi * (vertical * y + horizontal * x)))


def values(name, crops):
    """A set's features of the first crop, by column."""
    feature_set = find_feature_set(name)
    return dict(
        zip(feature_set.columns(crops.shape[1]), feature_set.extract(crops)[0], strict=True)
    )


@pytest.mark.parametrize("name", [*FEATURE_SETS, "spectrum+dct"])
def test_columns_name_what_is_extracted(name, faces):
    feature_set = find_feature_set(name)
    for side in (SMALL, 33, 160):
        crops = shrink(faces, side)
        matrix = feature_set.extract(crops)
        columns = feature_set.columns(side)
        assert matrix.shape == (len(crops), len(columns))
        assert matrix.dtype == (np.uint8 if name == "pixels" else np.float32)
        assert len(set(columns)) == len(columns)
        assert {column.split(".")[0] for column in columns} == set(name.split("+"))
        assert feature_set.extract(crops[:0]).shape == (0, len(columns))


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_smallest_side_is_enough(name):
    feature_set = FEATURE_SETS[name]
    noise = np.random.default_rng(0).integers(0, 256, (1, *[feature_set.min_side] * 2, 3), np.uint8)
    matrix = feature_set.extract(noise)
    assert matrix.shape[1] == len(feature_set.columns(feature_set.min_side)) > 0
    assert np.isfinite(matrix).all()


@given(crops_of_any_kind)
@settings(max_examples=40, deadline=None)
def test_features_are_always_finite(crops):
    matrix = find_feature_set(EVERYTHING).extract(crops)
    assert np.isfinite(matrix).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_flat_features(level):
    flat = np.full((1, 64, 64, 3), level, np.uint8)
    assert np.abs(find_feature_set("spectrum").extract(flat)).max() < 1e-6
    for name in ("sparsity", "correlation"):
        assert np.abs(find_feature_set(name).extract(flat)).max() < 1e-2
    assert np.ptp(find_feature_set("dct").extract(flat)) < 1e-2
    rates = values("residual", flat)
    assert all(rate == (column.endswith("[0,0,0,0]")) for column, rate in rates.items())


def test_a_row_does_not_depend_on_the_others(faces):
    for name in FEATURE_SETS:
        extract = FEATURE_SETS[name].extract
        together = extract(faces)
        alone = np.concatenate([extract(faces[k : k + 1]) for k in range(len(faces))])
        assert together.tobytes() == alone.tobytes(), name
        assert extract(faces[::-1]).tobytes() == together[::-1].tobytes(), name


def test_a_combination_is_its_parts_side_by_side(faces):
    both = find_feature_set("residual+spectrum")
    parts = [FEATURE_SETS[name] for name in ("residual", "spectrum")]
    expected = np.concatenate([part.extract(faces) for part in parts], axis=1)
    assert both.extract(faces).tobytes() == expected.tobytes()
    assert both.columns(160) == parts[0].columns(160) + parts[1].columns(160)
    assert both.version == "+".join(part.version for part in parts)
    assert both.min_side == max(part.min_side for part in parts)
    assert find_feature_set("dct") is FEATURE_SETS["dct"]


@pytest.mark.parametrize("name", ["", "pixel", "dct+", "dct+dct", "dct + spectrum"])
def test_what_is_no_feature_set_is_refused(name):
    with pytest.raises(KeyError):
        find_feature_set(name)


def test_a_recipe_shrinks_first(faces):
    expected = FEATURE_SETS["dct"].extract(shrink(faces, 64))
    assert recipe("dct", 64)(faces).tobytes() == expected.tobytes()
    assert recipe("pixels", None)(faces).tobytes() == faces.tobytes()


@pytest.mark.parametrize(("vertical", "horizontal"), [(0, 10), (10, 0), (6, 8), (0, 25), (20, 15)])
def test_a_wave_has_its_power_in_its_own_ring(vertical, horizontal):
    profile = values("spectrum", waves(96, vertical, horizontal))
    luma = np.array([profile[f"spectrum.luma[{r}]"] for r in range(1, 49)])
    ring = round(float(np.hypot(vertical, horizontal)))
    assert np.argmax(luma) == ring - 1
    assert spectrum.frequencies(96)[ring - 1] == pytest.approx(ring / 96)
    away = np.abs(np.arange(1, 49) - ring) > 3
    assert luma[ring - 1] - luma[away].max() > 2  # a hundred times the power


def test_white_noise_has_a_flat_spectrum():
    noise = grey(np.random.default_rng(1).normal(128, 20, (160, 160)))
    profile = FEATURE_SETS["spectrum"].extract(noise)[0, :80]
    assert np.abs(profile[5:]).max() < 0.25


def test_spectrum_and_sparsity_are_the_same_for_any_contrast():
    noise = np.random.default_rng(2).normal(0, 1, (96, 96))
    for name, tolerance in (("spectrum", 0.05), ("sparsity", 0.02)):
        faint, strong = (
            FEATURE_SETS[name].extract(grey(128 + height * noise))[0] for height in (10, 30)
        )
        luma = len(faint) // 3  # a grey picture's colour planes are flat
        assert np.abs(faint[:luma] - strong[:luma]).max() < tolerance, name


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_blocks_are_transformed_term_by_term_wherever_they_lie(seed, n_blocks):
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 256, (40, 50), np.uint8)
    corners = np.column_stack([rng.integers(0, 25, n_blocks), rng.integers(0, 35, n_blocks)])
    basis = cv2.dct(np.eye(16, dtype=np.float32), flags=cv2.DCT_ROWS).T.copy()
    found = transform_blocks(plane, corners, basis).reshape(n_blocks, 16, 16)
    for (top, left), got in zip(corners, found, strict=True):
        block = plane[top : top + 16, left : left + 16].astype(np.float32)
        assert got == pytest.approx(cv2.dct(block), abs=2e-3)
        rows, both = np.zeros((2, 16, 16), np.float32)
        for k in range(16):
            rows += basis[:, k, None] * block[k]
        for k in range(16):
            both += rows[:, k, None] * basis[:, k]
        assert got.tobytes() == both.tobytes()


def test_dct_scale_follows_contrast():
    noise = np.random.default_rng(3).normal(0, 1, (96, 96))
    faint, strong = (FEATURE_SETS["dct"].extract(grey(128 + k * noise))[0, :255] for k in (10, 30))
    assert strong - faint == pytest.approx(np.log(3), abs=0.03)


@pytest.mark.parametrize(("v", "u"), [(0, 4), (6, 0), (4, 6)])
def test_a_basis_picture_shows_in_its_coefficient(v, u):
    y, x = np.mgrid[:16, :16]
    block = np.cos(np.pi * (2 * y + 1) * v / 32) * np.cos(np.pi * (2 * x + 1) * u / 32)
    tiled = np.tile(np.block([[block, block[:, ::-1]], [block[::-1], block[::-1, ::-1]]]), (3, 3))
    found = values("dct", grey(128 + 80 * tiled))
    assert max(found, key=found.get) == f"dct.luma[{v},{u}]"


def test_gaussian_noise_has_the_gaussian_shape():
    noise = grey(np.random.default_rng(4).normal(128, 25, (320, 320)))
    luma = FEATURE_SETS["sparsity"].extract(noise)[0, :255]
    assert luma == pytest.approx(np.log(np.sqrt(np.pi / 2)), abs=0.1)
    assert luma.mean() == pytest.approx(np.log(np.sqrt(np.pi / 2)), abs=0.01)


def test_a_lone_edge_is_sparser_than_noise_all_over():
    picture = np.full((160, 160), 100.0)
    picture[:, 80:] = 180
    edge = values("sparsity", grey(picture + np.random.default_rng(5).normal(0, 1, picture.shape)))
    noise = values("sparsity", grey(np.random.default_rng(5).normal(128, 20, picture.shape)))
    assert edge["sparsity.luma[0,3]"] > noise["sparsity.luma[0,3]"] + 0.3


def test_jpeg_takes_high_frequencies_away(faces):
    noisy = np.clip(faces[:1] + np.random.default_rng(6).normal(0, 4, faces[:1].shape), 0, 255)
    noisy = noisy.astype(np.uint8)
    _, file = cv2.imencode(".jpg", noisy[0], [cv2.IMWRITE_JPEG_QUALITY, 40])
    compressed = cv2.imdecode(file, cv2.IMREAD_COLOR)[None]
    before, after = values("dct", noisy), values("dct", compressed)
    # the even ones: odd waves do not fit into JPEG's 8x8 blocks, and their seams bring some back
    high = [f"dct.luma[{v},{u}]" for v in (10, 12, 14) for u in (10, 12, 14)]
    assert all(after[column] < before[column] - 0.5 for column in high)
    assert after["dct.luma[0,1]"] == pytest.approx(before["dct.luma[0,1]"], abs=0.1)
    flat = "residual.luma.along[0,0,0,0]"
    assert values("residual", compressed)[flat] > 10 * values("residual", noisy)[flat]


def test_residual_counts_equal_counting_by_hand():
    rng = np.random.default_rng(7)
    crop = grey(rng.normal(128, 2, (40, 40)))
    found = values("residual", crop)
    plane = crop[0, 5:-5, 9:-9, 0].astype(int)  # 0.76 by 0.56 of the crop
    counts = {"along": {}, "across": {}}
    for picture in (plane, plane.T):
        quanta = -np.diff(picture, n=3, axis=1)
        quanta = np.clip(np.rint(-quanta / 4), -2, 2).astype(int)
        for way, table in (("along", quanta), ("across", quanta.T)):
            for line in table:
                for k in range(len(line) - 3):
                    pattern = tuple(map(int, line[k : k + 4]))
                    counts[way][pattern] = counts[way].get(pattern, 0) + 1
    for way, of_pattern in counts.items():
        named = {c: v for c, v in found.items() if c.startswith(f"residual.luma.{way}[")}
        assert sum(named.values()) == pytest.approx(1, abs=1e-5)
        for column, rate in named.items():
            p = tuple(map(int, column.split("[")[1][:-1].split(",")))
            alike = {p, p[::-1], tuple(-k for k in p), tuple(-k for k in p[::-1])}
            expected = sum(of_pattern.get(q, 0) for q in alike) / sum(of_pattern.values())
            assert rate == pytest.approx(expected, abs=1e-6), column


def test_mirror_images_have_the_same_features(faces):
    mirrored = faces[:, :, ::-1]
    for name in ("spectrum", "residual", "dct", "sparsity"):
        extract = FEATURE_SETS[name].extract
        assert extract(mirrored) == pytest.approx(extract(faces), abs=2e-4), name


def test_negatives_have_the_same_residuals():
    picture = grey(np.random.default_rng(8).normal(128, 6, (48, 48)))
    extract = FEATURE_SETS["residual"].extract
    assert extract(255 - picture)[:, :338].tobytes() == extract(picture)[:, :338].tobytes()


def test_planes_that_go_together_are_correlated():
    noise = np.random.default_rng(9).normal(0, 20, (96, 96))
    apart = np.stack([128 + noise, np.full((96, 96), 128), 128 - noise], axis=2)
    crop = np.clip(np.rint(apart), 0, 255).astype(np.uint8)[None]  # red against blue
    found = values("correlation", crop)
    for v, u in ((1, 2), (7, 7), (12, 3)):
        assert found[f"correlation.blue-red[{v},{u}]"] < -0.95
        assert found[f"correlation.blue-red.size[{v},{u}]"] > 0.95
    grain = np.random.default_rng(10).normal(128, 20, (1, 160, 160, 3)).clip(0, 255)
    found = values("correlation", grain.astype(np.uint8))
    assert (
        abs(np.mean([v for c, v in found.items() if c.startswith("correlation.blue-red[")])) < 0.3
    )

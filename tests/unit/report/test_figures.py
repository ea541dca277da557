"""Figures: they show the numbers that they were given, and call leaky what leaks."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from workflow_scripts.lib.common import plotting
from workflow_scripts.lib.evaluation.metrics import compute_curves, compute_reliability, evaluate
from workflow_scripts.lib.features import find_feature_set
from workflow_scripts.report import (
    plot_confident_errors,
    plot_confusion,
    plot_cost,
    plot_curves,
    plot_importance,
    plot_leak_gap,
    plot_learning_curve,
    plot_quality,
    plot_reliability,
    plot_run_times,
    plot_subgroups,
)

LEAKS = pytest.mark.parametrize(
    ("leak", "caution"),
    [("no", ""), ("unknown", "unknown"), ("person", "leaky"), ("video", "leaky")],
)
rng = np.random.default_rng(0)
LABELS = np.tile([0, 1], 30)
SCORES = np.clip(LABELS * 0.3 + rng.random(60) * 0.7, 0, 1)
PEOPLE = np.repeat([f"g{number}" for number in range(10)], 6)


@pytest.fixture(autouse=True)
def closed():
    """No figure stays open."""
    yield
    plt.close("all")


def texts(figure):
    """All that is written in a figure, in reading order of its parts."""
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]


def check_caution(figure, caution):
    title = figure.get_suptitle()
    assert caution in title
    assert ("leaky" in title) == (caution == "leaky")
    assert caution or "(" not in title


def evaluation_of(experiment="forest", protocol="identity", leak="no", scores=SCORES, kinds=None):
    """An evaluation as `evaluate_model` writes it."""
    result = evaluate(LABELS, scores, scores, PEOPLE, 0.5, 100, 0.95, 1)
    return {
        "experiment": experiment,
        "protocol": protocol,
        "leak": {"word": leak},
        "frame": result,
        "video": result,
        "kinds": kinds or {"method": {"swap": result}, "compression": {}, "dataset": {}},
    }


def test_class_counts_are_of_used_and_lost_videos():
    quality = pd.DataFrame(
        {
            "label": ["real", "real", "fake", "fake", "fake"],
            "method": ["", "", "swap", "swap", "morph"],
            "crops": [7, 0, 7, 7, 3],
        }
    )
    figure = plot_quality.draw_class_counts(quality)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "fake morph",
        "fake swap",
        "real",
    ]
    assert [bar.get_width() for bar in axes.patches] == [1, 2, 1, 0, 0, 1]
    assert "1 used, 1 lost" in " ".join(texts(figure))


def test_capture_rates_say_how_many_of_how_many():
    rates = pd.DataFrame(
        {
            "label": ["real", "fake", "all"],
            "frames_wanted": [70, 70, 140],
            "crops": [70, 63, 133],
            "capture_rate": [1.0, 0.9, 0.95],
        }
    )
    figure = plot_quality.draw_capture_rates(rates, 0.9)
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [0.95, 0.9, 1.0]
    assert "63 of 70 (90.0%)" in texts(figure)
    assert axes.get_title() == "Capture rate at detector confidence 0.9"


@LEAKS
def test_confusion_shows_counts_and_shares_of_each_class(leak, caution):
    figure = plot_confusion.draw_confusion(evaluation_of(leak=leak))
    check_caution(figure, caution)
    assert figure.get_suptitle().startswith("forest, protocol identity")
    counts = evaluation_of()["video"]["confusion"]
    for axes in figure.axes:
        cells = [text.get_text() for text in axes.texts]
        assert [int(cell.split("\n")[0]) for cell in cells] == [
            counts["real_called_real"],
            counts["real_called_fake"],
            counts["fake_called_real"],
            counts["fake_called_fake"],
        ]
        assert cells[0].endswith(f"{counts['real_called_real'] / 30:.0%}")


def some_curves(scores=SCORES):
    return compute_curves(LABELS, scores, PEOPLE, 50, 0.95, 1)


@LEAKS
def test_curves_are_drawn_as_computed(leak, caution):
    result = some_curves()
    one_label = compute_curves(np.ones(60, int), SCORES, PEOPLE, 50, 0.95, 1)
    figure = plot_curves.draw_curves("identity", leak, {"forest": result, "undefined": one_label})
    check_caution(figure, caution)
    roc, precision = figure.axes
    for axes, kind in ((roc, "roc"), (precision, "precision_recall")):
        line = axes.get_lines()[0]
        assert line.get_label() == "forest"
        assert np.array_equal(line.get_xdata(), result[kind]["x"])
        assert np.array_equal(line.get_ydata(), result[kind]["y"])
        (band,) = axes.collections
        low, high = (
            band.get_paths()[0].vertices[:, 1].min(),
            band.get_paths()[0].vertices[:, 1].max(),
        )
        assert low == pytest.approx(result[kind]["low"].min())
        assert high == pytest.approx(result[kind]["high"].max())
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["forest", "chance"]


def test_only_the_best_curves_have_colours_and_bands():
    many = {f"e{number}": some_curves() for number in range(10)}
    figure = plot_curves.draw_curves("identity", "no", many)
    roc = figure.axes[0]
    assert len(roc.collections) == plot_curves.MAX_BANDS
    colours = [line.get_color() for line in roc.get_lines()]
    assert colours[:7] == plotting.CYCLE
    assert set(colours[7:]) == {plotting.PALE}


@LEAKS
def test_reliability_puts_shares_over_probabilities(leak, caution):
    bins = compute_reliability(LABELS, SCORES, PEOPLE)
    figure = plot_reliability.draw_reliability("identity", leak, {"forest": bins, "other": bins})
    check_caution(figure, caution)
    assert [axes.get_title() for axes in figure.axes] == ["forest", "other"]
    lines, points = figure.axes[0].collections
    assert points.get_offsets().tolist() == [[bin["probability"], bin["share"]] for bin in bins]
    ends = [(segment[0][1], segment[1][1]) for segment in lines.get_segments()]
    assert ends == [(bin["low"], bin["high"]) for bin in bins]


def test_the_lowest_panel_of_each_column_names_its_ticks():
    bins = compute_reliability(LABELS, SCORES, PEOPLE)
    figure = plot_reliability.draw_reliability("identity", "no", {f"e{n}": bins for n in range(5)})
    figure.canvas.draw()
    labelled = [
        any(tick.label1.get_visible() for tick in axes.xaxis.get_major_ticks())
        for axes in figure.axes[:5]
    ]
    assert labelled == [False, True, True, True, True]


def test_the_leakiest_protocol_comes_first_and_is_called_so():
    results = [
        evaluation_of(experiment=name, protocol=protocol, leak=leak, scores=scores)
        for name, scores in (("a", SCORES), ("b", 1 - SCORES))
        for protocol, leak in (("identity", "no"), ("frame", "video"), ("video", "person"))
    ]
    figure = plot_leak_gap.draw_leak_gap(results)
    left, right = figure.axes
    ticks = [label.get_text().replace("\n", " ") for label in left.get_xticklabels()]
    assert ticks == [
        "frame leaky: the same video on both sides",
        "video leaky: the same person on both sides",
        "identity no person on both sides",
    ]
    for axes, level, metric in ((left, "frame", "accuracy"), (right, "video", "roc_auc")):
        lines = {line.get_label(): line for line in axes.get_lines()}
        for name, scores in (("a", SCORES), ("b", 1 - SCORES)):
            expected = evaluation_of(scores=scores)[level][metric]["value"]
            assert lines[name].get_ydata().tolist() == [expected] * 3


def test_kinds_of_fakes_each_have_a_panel():
    result = evaluate(LABELS, SCORES, SCORES, PEOPLE, 0.5, 100, 0.95, 1)
    other = evaluate(LABELS, 1 - SCORES, SCORES, PEOPLE, 0.5, 100, 0.95, 1)
    kinds = {
        "method": {"swap": result, "morph": other},
        "compression": {"c23": result},  # one kind says nothing more
        "dataset": {"one": result, "two": other},
    }
    results = [evaluation_of(experiment=name, kinds=kinds, leak="person") for name in ("a", "b")]
    figure = plot_subgroups.draw_subgroups(results)
    check_caution(figure, "leaky")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [f"{kind}\n30 fakes" for kind in ("swap", "morph", "one", "two")]
    for axes, of_kind in zip(figure.axes, (result, other, result, other), strict=True):
        assert [bar.get_width() for bar in axes.patches] == [of_kind["roc_auc"]["value"]] * 2
        (segment,) = axes.collections[0].get_segments()
        assert [point[0] for point in segment] == [
            of_kind["roc_auc"]["low"],
            of_kind["roc_auc"]["high"],
        ]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]


def test_cost_stands_against_what_it_buys():
    board = pd.DataFrame(
        {
            "protocol": ["identity", "identity", "frame", "frame"],
            "leak": ["no", "no", "leaky: video", "leaky: video"],
            "experiment": ["a", "b", "a", "b"],
            "video_roc_auc": [0.6, 0.7, 0.9, 1.0],
            "train_cpu_s": [1.0, 2.0, 3.0, 4.0],
            "train_tuning_cpu_s": [10.0, 20.0, 30.0, 40.0],
            "train_peak_memory_mb": [100.0, 200.0, 300.0, 400.0],
        }
    )
    figure = plot_cost.draw_cost(board)
    assert figure.axes[0].get_title(loc="left") == "identity"
    assert figure.axes[2].get_title(loc="left") == "frame (leaky: video)"
    for row, (left, right) in enumerate(zip(figure.axes[::2], figure.axes[1::2], strict=True)):
        rows = board.iloc[2 * row : 2 * row + 2]
        for axes, x in (
            (left, rows["train_cpu_s"] + rows["train_tuning_cpu_s"]),
            (right, rows["train_peak_memory_mb"]),
        ):
            points = [line.get_xydata()[0].tolist() for line in axes.get_lines()[:2]]
            assert points == [list(pair) for pair in zip(x, rows["video_roc_auc"], strict=True)]


def curve(leak="no", **changes):
    table = {
        "experiment": ["a", "a", "a", "b", "b", "b"],
        "protocol": "identity",
        "leak": leak,
        "train_groups": [2, 4, 8] * 2,
        "roc_auc": [0.6, 0.7, 0.8, 0.5, 0.5, 0.55],
        "roc_auc_low": [0.5, 0.6, 0.7, 0.4, 0.4, 0.5],
        "roc_auc_high": [0.7, 0.8, 0.9, 0.6, 0.6, 0.6],
        "min": [0.55, 0.69, 0.8, 0.45, 0.5, 0.55],
        "max": [0.65, 0.71, 0.8, 0.55, 0.5, 0.55],
    }
    return pd.DataFrame({**table, **changes})


@pytest.mark.parametrize(
    ("leak", "caution"), [("no", ""), ("unknown", "unknown"), ("leaky: person", "leaky")]
)
def test_a_learning_curve_says_what_follows_from_it(leak, caution):
    advice = {"a": "More people are likely to help.", "b": "More people are unlikely to help."}
    figure = plot_learning_curve.draw_learning_curve(curve(leak), advice)
    check_caution(figure, caution)
    axes, words = figure.axes
    for name, values in (("a", [0.6, 0.7, 0.8]), ("b", [0.5, 0.5, 0.55])):
        (line,) = [line for line in axes.get_lines() if line.get_label() == name]
        assert line.get_xdata().tolist() == [2, 4, 8]
        assert line.get_ydata().tolist() == values
    assert len(axes.collections) == 2
    assert axes.get_xlabel() == "groups of people in the training"
    figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "8"]
    (below,) = words.texts
    assert below.get_text().splitlines() == [f"{name}: {text}" for name, text in advice.items()]


def test_a_learning_curve_of_too_few_people_has_no_band():
    table = curve(roc_auc_low=np.nan, roc_auc_high=np.nan)
    axes = plot_learning_curve.draw_learning_curve(table, {"a": "x", "b": "y"}).axes[0]
    assert all(not np.isfinite(band.get_paths()[0].vertices).any()
               for band in axes.collections if band.get_paths())  # fmt: skip


@LEAKS
def test_errors_have_a_row_per_experiment(leak, caution):
    crop = rng.integers(0, 256, (16, 16, 3), np.uint8)
    errors = {"a": [(crop, "first"), (crop[::-1], "second")], "b": []}
    figure = plot_confident_errors.draw_confident_errors("identity", leak, errors)
    check_caution(figure, caution)
    upper, lower = np.split(np.array(figure.axes), 2)
    assert len(upper) == len(lower) == plot_confident_errors.N_FRAMES
    nothing = [""] * (len(upper) - 2)
    assert [panel.get_title() for panel in upper] == ["first", "second", *nothing]
    assert np.array_equal(upper[1].get_images()[0].get_array(), crop[::-1])
    assert [panel.get_ylabel() for panel in upper] == ["a", "", *nothing]
    assert [panel.get_ylabel() for panel in lower] == ["b", "", *nothing]
    assert {panel.get_title() for panel in lower} == {""}
    assert [text.get_text() for text in lower[0].texts] == ["none"]


@LEAKS
def test_importance_lies_over_the_mean_face(leak, caution):
    importance = np.zeros((32, 32))
    importance[8, 20] = 1
    face = rng.integers(0, 256, (32, 32, 3), np.uint8)
    title = plotting.figure_title("forest", "identity", leak)
    figure = plot_importance.draw_pixel_importance(importance, face, title)
    check_caution(figure, caution)
    left, middle, right = figure.axes[:3]
    assert np.array_equal(left.get_images()[0].get_array(), face)
    assert np.array_equal(middle.get_images()[0].get_array(), importance)
    smooth = right.get_images()[1].get_array()
    assert np.unravel_index(smooth.argmax(), smooth.shape) == (8, 20)


@LEAKS
def test_feature_importance_is_a_curve_and_shares(leak, caution):
    columns = find_feature_set("spectrum+dct").columns(32)
    importance = rng.random(len(columns))
    importance /= importance.sum()
    title = plotting.figure_title("trees", "identity", leak)
    figure = plot_importance.draw_feature_importance(importance, columns, 32, title)
    check_caution(figure, caution)
    spectrum, bars = figure.axes
    assert sum(bar.get_width() for bar in bars.patches) == pytest.approx(1)
    planes = [column.partition("[")[0] for column in columns]
    first = planes[0].removeprefix("spectrum.")
    (line,) = [line for line in spectrum.get_lines() if line.get_label() == first]
    expected = importance[np.array(planes) == planes[0]] / importance.mean()
    assert np.allclose(line.get_ydata(), expected)


def test_run_times_add_up_and_memory_does_not():
    jobs = [{"cpu_s": 1.5, "peak_memory_mb": 100}, {"cpu_s": 2.0, "peak_memory_mb": 300}]
    figure = plot_run_times.draw_run_times({"crop_faces": jobs, "leaderboard": jobs[:1]})
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["leaderboard", "crop_faces"]
    assert [bar.get_width() for bar in left.patches] == [1.5, 3.5]
    assert [bar.get_width() for bar in right.patches] == [100, 300]
    assert "  3.5 s, 2 jobs" in texts(figure)


def test_the_same_figure_is_the_same_file(tmp_path):
    for name in ("one", "two"):
        plotting.save_figure(tmp_path / name, plot_confusion.draw_confusion(evaluation_of()))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with Image.open(tmp_path / "one") as image:
        assert image.format == "PNG"
        assert image.width > 600


def test_a_name_looks_the_same_in_all_figures():
    names = [f"experiment{number}" for number in range(49)]
    styles = plotting.experiment_styles(names)
    assert plotting.experiment_styles([*reversed(names), *names]) == styles
    assert len({tuple(style.values()) for style in styles.values()}) == len(names)

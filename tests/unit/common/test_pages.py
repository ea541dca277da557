"""What all pages with tables share: a column's head sorts by it."""

import re
from collections import defaultdict

import pytest

from tests.browser import look_at, needs_chromium
from workflow_scripts.lib.common.pages import render

DIFFERENCES = {"ten": 0.2, "Nine": -0.3, "two": 1e-05, "none": None, "far": 0.05}
VIDEOS = {"ten": 10, "Nine": 9, "two": 100, "none": 2, "far": 20}
LISTED = (
    "const heads = [...document.querySelectorAll('thead th')];"
    "const listed = () => [...document.querySelectorAll('tbody tr')]"
    ".map(row => row.cells[0].textContent).join();"
    "const sort = column => { heads[column].querySelector('button').click(); return listed() +"
    "heads.filter(head => head.ariaSort).map(head => ` ${head.textContent} ${head.ariaSort}`); };"
)


@pytest.fixture
def page(tmp_path):
    """The page of comparisons, one of which is undefined."""
    rows = [
        {
            **{"protocol": "identity", "leak": "no", "experiment": name, "reference": "best"},
            **{"test_videos": VIDEOS[name], "test_groups": 5},
            **{
                f"{metric}_{key}": value if key == "difference" else None
                for metric in ("accuracy", "roc_auc")
                for key in ("difference", "low", "high", "p_value")
            },
        }
        for name, value in DIFFERENCES.items()
    ]
    path = tmp_path / "page.html"
    render("comparisons.html.j2", path, title="Comparisons", rows=rows, interval="95 %")
    return path


@needs_chromium
@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        (0, "far,Nine,none,ten,two experiment ascending", "two,ten,none,Nine,far"),
        (4, "two,far,ten,Nine,none test videos(groups) descending", "none,Nine,ten,far,two"),
        # what is undefined stays last in both ways
        (5, "ten,far,two,Nine,none accuracy per video descending", "Nine,two,far,ten,none"),
    ],
)
def test_a_head_sorts_by_its_column(page, tmp_path, column, first, second):
    question = f"{LISTED} return [sort({column}), sort({column}), sort(2)].join('|')"
    answer, _, _ = look_at(page, question, tmp_path, 1200)
    once, twice, other = answer.split("|")
    assert once == first
    order = "descending" if "ascending" in first.split() else "ascending"
    assert twice.split(" ")[0] == second
    assert twice.endswith(order)
    assert other.endswith(" protocol ascending")  # and no other head tells of an order
    assert other.count("scending") == 1


def test_differences_of_nothing_have_no_sign_and_small_p_no_zero(tmp_path):
    row = {"protocol": "identity", "leak": "no", "experiment": "one", "reference": "best"}
    row |= {"test_videos": 9, "test_groups": 5}
    for metric in ("accuracy", "roc_auc"):
        told = {"difference": -0.0001, "low": -0.001, "high": 0.001, "p_value": 0.0002}
        row |= {f"{metric}_{key}": value for key, value in told.items()}
    path = tmp_path / "page.html"
    render("comparisons.html.j2", path, title="Comparisons", rows=[row], interval="95 %")
    page = path.read_text()
    assert page.count("+0.000") == page.count("(+0.00 to +0.00)") == page.count("&lt;0.001") == 2
    assert "-0.00<" not in page
    assert ">0.000<" not in page


def test_the_page_on_quality_has_a_head_above_each_column(tmp_path):
    path = tmp_path / "page.html"
    render("quality.html.j2", path, title="Quality", rows=[defaultdict(int, status="ok")])
    heads, cells = (re.findall(f"<{kind}[ >]", path.read_text()) for kind in ("th", "td"))
    assert len(heads) == len(cells)


@needs_chromium
@pytest.mark.parametrize("name", ["bars", "accuracy"])
def test_a_table_in_which_order_means_nothing_is_not_sorted(page, tmp_path, name):
    count = "return document.querySelectorAll('th button').length"
    assert look_at(page, count, tmp_path, 1200)[0] == "9"
    page.write_text(page.read_text().replace("<table>", f'<table class="{name}">'))
    assert look_at(page, count, tmp_path, 1200)[0] == "0"

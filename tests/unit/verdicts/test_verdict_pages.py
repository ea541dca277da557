"""Many videos: each has a row, whatever it is and whatever its name; the page filters and sorts."""

import csv
import html
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.browser import look_at, needs_chromium
from tests.bundles import write_small_bundle
from tests.clips import background, write_clip, write_face_clip
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import stamp
from workflow_scripts.lib.data.identities import names_of
from workflow_scripts.lib.data.manifest import Video, write_manifest
from workflow_scripts.lib.verdicts.inputs import find_videos, printable_name, stamp_of_verdict
from workflow_scripts.lib.verdicts.summary import (
    accuracy_on_labelled,
    as_cells,
    sort_by_score,
    strip_common_folder,
    training_overlap_text,
)
from workflow_scripts.verdicts import judge_video, verdicts

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "config/schemas/verdict.schema.json").read_text())
EVIL = "<script>document.title='run'<%2fscript>{x}\n\t\u202e.mp4"
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def test_every_name_gets_an_id_that_is_safe_and_its_own(tmp_path):
    names = ["a b.mp4", "a+b.mp4", "sub/a b.mp4", EVIL, "映像.MKV", "-.mov", "x" * 240 + ".avi"]
    names.append(os.fsdecode(b"\xff\xfe.mp4"))
    for name in [*names, "notes.txt", "._a b.mp4"]:  # the last is what macOS leaves beside a file
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    videos = find_videos(tmp_path)
    assert sorted(video.path for video in videos.values()) == sorted(
        str(tmp_path / n) for n in names
    )
    assert all(SAFE.fullmatch(video_id) for video_id in videos)
    (tmp_path / "a-b.mp4").write_bytes(b"")
    assert videos.items() <= find_videos(tmp_path).items()  # a new file renames no other


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_names_are_shown_in_one_line_in_which_nothing_hides(name):
    text = printable_name(name)
    assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    assert len(text.splitlines()) <= 1
    assert printable_name(text) == text


def test_a_table_may_lack_labels_but_not_paths(tmp_path):
    (tmp_path / "videos.tsv").write_text("video_id\tpath\tlabel\none\ta.mp4\t\ntwo\tb.mp4\tfake\n")
    assert [video.label for video in find_videos(tmp_path / "videos.tsv").values()] == ["", "fake"]
    (tmp_path / "none.tsv").write_text("video_id\none\n")
    with pytest.raises(UserError, match=r"required are video_id, path\."):
        find_videos(tmp_path / "none.tsv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no videos in .*\.mp4"):
        find_videos(tmp_path / "empty")


def test_what_is_neither_folder_nor_table_is_told_with_its_remedy(tmp_path):
    with pytest.raises(UserError, match=r"videos_to_judge: .*nowhere does not exist"):
        find_videos(tmp_path / "nowhere")
    write_face_clip(tmp_path / "face.MP4", 2)
    with pytest.raises(UserError, match=r"is a video itself.* by `deepfake judge`"):
        find_videos(tmp_path / "face.MP4")


def test_a_verdict_is_planned_by_its_file_or_where_that_is_away_by_what_it_records(tmp_path):
    path, verdict = tmp_path / "a.mp4", tmp_path / "a.json"
    assert stamp_of_verdict(str(path), verdict) == ""
    path.write_bytes(b"one")
    known = stamp_of_verdict(str(path), verdict)
    assert known == stamp(path)
    path.unlink()
    assert stamp_of_verdict(str(path), verdict) == ""
    verdict.write_text(json.dumps({"stamp": known}))
    assert stamp_of_verdict(str(path), verdict) == known
    for content in ("{}", "[1]", "{", "\xff"):
        verdict.write_text(content, encoding="latin-1")
        assert stamp_of_verdict(str(path), verdict) == ""


def verdict_on(score, verdict="undetermined", in_training=False):
    return {
        "verdict": verdict,
        "probability": score,
        "score": score,
        "person": None,
        "people": [],
        "sampling": {"status": "ok"},
        "reason": "as it is",
        "frames_examined": "all of it",
        "in_training": in_training,
        "warnings": [],
    }


def test_the_most_suspicious_come_first_and_those_without_a_score_last():
    videos = [Video(name, name, "") for name in "abcd"]
    rows = sort_by_score(
        videos, [verdict_on(None), verdict_on(0.2), verdict_on(0.9), verdict_on(0.2)], set()
    )
    assert [row["video"] for row in rows] == ["c", "b", "d", "a"]


def test_cells_hold_no_formula_and_no_line():
    (row,) = sort_by_score([Video("a", "=1+1\t\n.mp4", "")], [verdict_on(0.5)], set())
    cells = as_cells(row)
    assert cells[1].startswith("'=1+1")
    assert not set("\t\n") & set("".join(cells))
    assert as_cells({**row, "score": -0.5})[6] == "-0.5"


@pytest.mark.parametrize(
    ("paths", "common_folder", "names"),
    [
        (["/a/b/c.mp4", "/a/d.mp4"], "/a", ["b/c.mp4", "d.mp4"]),
        (["a/b.mp4"], "a", ["b.mp4"]),
        (["b.mp4", "c.mp4"], "", ["b.mp4", "c.mp4"]),
        (["/a/b.mp4", "c.mp4"], "", ["/a/b.mp4", "c.mp4"]),
    ],
)
def test_names_leave_out_the_folder_that_all_have_in_common(paths, common_folder, names):
    assert strip_common_folder(paths) == (common_folder, names)


def of(label="real", **names):
    return Video("v", "v", label, **names)


PERSON = of(target="2", dataset="d")


@pytest.mark.parametrize(
    ("video", "training", "people_in_training"),
    [
        (PERSON, [of(target="2", dataset="d")], "yes"),
        (PERSON, [of(target="1", source="2", dataset="d")], "yes"),
        (PERSON, [of(target="1", dataset="d"), of(target="2", dataset="e", group="x")], "no"),
        (of("fake", target="1", source="2", dataset="d"), [PERSON], "yes"),
        (of("fake", target="1", source="3", dataset="d"), [PERSON], "no"),
        (of("", target="1", source="3", dataset="d"), [PERSON], "no"),
        (of(group="2"), [of(group="2")], "yes"),
        (of(group="2", target="1", dataset="d"), [of(group="2")], "yes"),
        # what is named without a data set may be anybody of any table
        (of(target="2"), [of(target="2", dataset="d")], "unknown"),
        (of(group="2"), [of(group="1")], "unknown"),
        (of(), [of(target="2", dataset="d")], "unknown"),
        (of(), [of()], "unknown"),
        # a fake has a second person, and what has no label may be one
        (of("fake", target="1", dataset="d"), [PERSON], "unknown"),
        (of("fake", source="1", dataset="d"), [PERSON], "unknown"),
        (of("", target="1", dataset="d"), [PERSON], "unknown"),
        # and so may be who was trained on
        (of(target="1", dataset="d"), [of("fake", target="2", dataset="d")], "unknown"),
        (PERSON, [of(target="1", dataset="d"), of(target="2")], "unknown"),
        (PERSON, [of(target="1", dataset="d"), of(group="2")], "unknown"),
        (PERSON, [of(target="1", dataset="d"), of()], "unknown"),
    ],
)
def test_people_count_as_unseen_only_where_names_tell_it(video, training, people_in_training):
    (row,) = sort_by_score([video], [verdict_on(0.5)], names_of(training))
    assert row["people_in_training"] == people_in_training
    (row,) = sort_by_score([video], [verdict_on(0.5, in_training=True)], names_of(training))
    assert row["people_in_training"] == "yes"  # whatever names say


def test_what_verdicts_are_worth_leaves_out_people_that_the_model_has_seen():
    videos = [
        Video("r1", "r1", "real", target="1", dataset="d"),
        Video("f1", "f1", "fake", target="1", source="3", dataset="d"),
        Video("r2", "r2", "real", target="2", dataset="d"),
        Video("f2", "f2", "fake", target="2", source="4", dataset="d"),
        Video("f3", "f3", "fake", target="2", source="4", dataset="d"),
        Video("x", "x", ""),
    ]
    scored = [(0.9, "fake"), (0.1, "real"), (0.3, "real"), (0.7, "fake")]
    verdicts = [*(verdict_on(*pair) for pair in scored), verdict_on(None), verdict_on(0.5)]
    rows = sort_by_score(videos, verdicts, {"d:1"})
    overlaps = ["yes", "no", "unknown", "no", "yes", "no"]
    assert [row["people_in_training"] for row in rows] == overlaps
    accuracy = accuracy_on_labelled(rows, 0, 0.95, 1)
    assert accuracy["counts"] == {
        "real": {"fake": 0, "real": 1, "undetermined": 0, "not judged": 0},
        "fake": {"fake": 1, "real": 0, "undetermined": 1, "not judged": 0},
    }
    assert accuracy["roc_auc"]["value"] == 1.0
    assert (accuracy["scored"], accuracy["groups"], accuracy["left_out"]) == (2, 1, 2)
    assert (accuracy["counted"], accuracy["unknown"]) == (3, 0)
    assert accuracy_on_labelled(rows[:1], 0, 0.95, 1) is None
    unscored = sort_by_score(videos[3:4], [verdict_on(None)], set())
    assert accuracy_on_labelled(unscored, 0, 0.95, 1)["roc_auc"]["value"] is None


def test_who_is_not_named_is_counted_and_never_called_unseen():
    videos = [Video(name, name, name) for name in ("real", "fake")]
    videos.append(Video("named", "named", "real", target="2", dataset="d"))
    accuracy = accuracy_on_labelled(
        sort_by_score(videos, [verdict_on(0.5)] * 3, {"d:1"}), 0, 0.95, 1
    )
    assert (accuracy["counted"], accuracy["unknown"]) == (3, 2)
    text = training_overlap_text(accuracy)
    assert text.startswith("In 2 of these 3 videos, people or their data set are not named")
    assert text.endswith("so the model may have been trained on them.")
    accuracy = accuracy_on_labelled(
        sort_by_score(videos, [verdict_on(0.5, in_training=True)] * 3, {"d:1"}), 0, 0.95, 1
    )
    assert accuracy is None


STATUSES = {
    "ok": "undetermined",
    "too_short": "undetermined",
    "missing": "not judged",
    "unreadable": "not judged",
    "too_costly": "not judged",
}


def test_a_file_that_could_not_be_judged_is_told_apart_from_an_undetermined_verdict():
    verdicts = [{**verdict_on(None), "sampling": {"status": status}} for status in STATUSES]
    videos = [Video(status, status, "") for status in STATUSES]
    rows = {row["status"]: row for row in sort_by_score(videos, verdicts, set())}
    assert {status: row["outcome"] for status, row in rows.items()} == STATUSES
    assert {row["verdict"] for row in rows.values()} == {"undetermined"}


def test_what_could_not_be_judged_is_counted_as_that():
    videos = [Video(name, name, "fake") for name in ("lost", "faceless")]
    lost = {**verdict_on(None), "sampling": {"status": "missing"}}
    accuracy = accuracy_on_labelled(
        sort_by_score(videos, [lost, verdict_on(None)], set()), 0, 0.95, 1
    )
    counted = {"fake": 0, "undetermined": 1, "real": 0, "not judged": 1}
    assert accuracy["counts"]["fake"] == counted


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_small_bundle(tmp_path_factory.mktemp("trees"))


def judge_all(source, bundle, folder):
    """What the rules do for the videos of `source`; returns the table's rows."""
    (folder / "verdicts").mkdir()
    files = []
    for video_id, video in find_videos(source).items():
        made = {kind: folder / f"verdicts/{video_id}.{kind}" for kind in ("json", "html", "jpg")}
        judge_video.main(Path(video.path), bundle, None, None, "1 1", 1, *made.values())
        Draft202012Validator(SCHEMA).validate(json.loads(made["json"].read_text()))
        files.append(made["json"])
    verdicts.main(
        source, files, bundle, 50, 0.95, 1, folder / "verdicts.tsv", folder / "verdicts.html"
    )
    with (folder / "verdicts.tsv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


@pytest.fixture(scope="module")
def many(bundle, tmp_path_factory):
    """A folder with two good videos, one without a face and one that is none, all judged."""
    videos, folder = tmp_path_factory.mktemp("videos"), tmp_path_factory.mktemp("out")
    write_face_clip(videos / EVIL, 20)
    write_face_clip(videos / "good.mp4", 12)
    write_clip(videos / "wall.mp4", [background()] * 12)
    (videos / "text.mp4").write_text("text")
    return judge_all(videos, bundle, folder), folder


def test_a_bad_video_is_a_row_that_says_why(many):
    rows, folder = many
    assert len(rows) == 4
    by_name = {row["video"].rsplit("-", 1)[0]: row for row in rows}
    assert by_name["text"]["status"] == "unreadable"
    assert "no video that can be decoded" in by_name["text"]["reason"]
    assert (by_name["text"]["verdict"], by_name["text"]["score"]) == ("undetermined", "")
    assert "No face was found" in by_name["wall"]["reason"]
    assert float(by_name["good"]["score"]) >= 0
    page = (folder / "verdicts.html").read_text()
    for row in rows:
        content = json.loads((folder / f"verdicts/{row['video']}.json").read_text())
        assert row["frames_examined"] == content["frames_examined"]
        assert f'<p class="examined">{html.escape(row["frames_examined"])}</p>' in page
        outcome = "Not judged" if row["status"] == "unreadable" else row["verdict"].capitalize()
        assert f"<b>{outcome}</b>" in (folder / f"verdicts/{row['video']}.html").read_text()
    scores = [row["score"] for row in rows]
    assert scores == [*sorted(filter(None, scores), key=float, reverse=True), "", ""]


def test_what_is_known_of_the_videos_is_held_against_the_verdicts(bundle, tmp_path, caplog):
    for name in ("real", "fake"):
        write_face_clip(tmp_path / f"{name}.mp4", 12)
    rows = [Video(name, str(tmp_path / f"{name}.mp4"), name) for name in ("real", "fake")]
    write_manifest(tmp_path / "videos.tsv", rows)
    with caplog.at_level("INFO"):
        judge_all(tmp_path / "videos.tsv", bundle, tmp_path)
    page = (tmp_path / "verdicts.html").read_text()
    assert "Accuracy on videos with known labels" in page
    assert "on the 2 videos with a score" in page
    assert "2 videos: 2 fake, 0 undetermined, 0 real, 0 not judged. See" in caplog.text
    assert "mean nothing outside the demo" in caplog.text
    assert "Of videos known to be real: 1 fake, 0 undetermined, 0 real, 0 not judged" in caplog.text
    assert "AUC 0.50 (no interval) on 2 videos" in caplog.text
    for text in (page, caplog.text):
        assert "In 2 of these 2 videos, people or their data set are not named" in text
        assert "trained on none of these people" not in text


PICTURES = "const pictures = [...document.images].map(i => i.naturalWidth > 0 ? 1 : 0).join('');"
LISTED = (
    "const listed = () => [...document.querySelectorAll('.verdicts tbody tr')]"
    ".filter(row => row.checkVisibility()).map(row => row.cells[1].textContent.match("
    "/script|good|wall|text/)[0]).join();"
)


@needs_chromium
@pytest.mark.parametrize("width", [500, 1400])
def test_the_index_in_a_browser(many, tmp_path, width):
    _, folder = many
    question = (
        f"{PICTURES}{LISTED} const answers = [pictures, document.scripts.length, document.title,"
        "document.documentElement.scrollWidth <= innerWidth, listed()];"
        "const click = node => { node.click(); answers.push(listed()); };"
        "const heads = [...document.querySelectorAll('.verdicts th')];"
        "answers.push(heads.filter(head => head.checkVisibility()).map(h => h.textContent).join());"
        "const buttons = heads.map(head => head.querySelector('button'));"
        "click(buttons[1]); click(buttons[1]); click(buttons[3]); click(buttons[3]);"
        "const name = document.querySelector('#name');"
        "const type = text => { name.value = text;"
        "name.dispatchEvent(new Event('input', {bubbles: true})); answers.push(listed()); };"
        "type('GOOD'); type('no face'); type('');"
        "click(document.querySelector('[value=\"not judged\"]'));"
        "click(document.querySelector('[value=undetermined]'));"
        "answers.push(document.querySelector('#count').textContent);"
        "return answers.join('|')"
    )
    answer, text, asked = look_at(folder / "verdicts.html", question, tmp_path, width)
    pictures, scripts, title, fits, first, heads, *sorted_by, rest = answer.split("|", 10)
    good, faceless, every, readable, decided, count = rest.split("|")
    assert (pictures, scripts, title, fits) == ("1111", "3", "Verdicts on 4 videos", "true")
    assert set(first.split(",")[:2]) == {"script", "good"}
    assert (
        heads
        == {
            500: "video,verdict,probability",  # of narrow rows no other cells have a head
            1400: ",video,verdict,probability,score,people,why",
        }[width]
    )
    assert sorted_by[0] == "script,good,text,wall"
    assert sorted_by[1] == "wall,text,good,script"
    for rows in sorted_by[2:]:
        assert set(rows.split(",")[2:]) == {"text", "wall"}  # no probability: last in both ways
    assert (good, faceless, len(every.split(","))) == ("good", "wall", 4)
    assert set(readable.split(",")) == {"script", "good", "wall"}
    assert set(decided.split(",")) <= {"script", "good"}
    assert count == f"{len(list(filter(None, decided.split(','))))} shown"
    assert "&lt;script&gt;document.title" in text
    assert asked == []


def test_the_index_leads_to_every_page(many):
    _, folder = many
    links = re.findall(r'(?:href|src)="([^"]+)"', (folder / "verdicts.html").read_text())
    assert len(links) == 4 * 3
    assert all((folder / link).is_file() for link in links)

"""The manifest: which videos a run works on, what they are, and who is in them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.common.labels import DEMO

__all__ = [
    "Video",
    "pair_with_files",
    "read_manifest",
    "remove_rows",
    "write_manifest",
]

SCHEMA = Path(__file__).parents[3] / "config/schemas/manifest.schema.yaml"
SHOWN_PROBLEMS = 5


@dataclass(frozen=True)
class Video:
    """One row of the manifest; a cell that was left out is an empty string."""

    video_id: str
    path: str
    label: str
    group: str = ""
    target: str = ""
    source: str = ""
    recording: str = ""
    content: str = ""
    dataset: str = ""
    method: str = ""
    compression: str = ""
    split: str = ""

    @property
    def is_demo(self) -> bool:
        """Whether it is one of those that the workflow makes up itself."""
        return self.dataset == DEMO


def read_manifest(path: Path, labelled: bool = True) -> dict[str, Video]:
    """Read a tab-separated manifest.

    Parameters
    ----------
    path : Path
        The table, UTF-8, with a header; its columns are described in
        `config/schemas/manifest.schema.yaml`.
    labelled : bool
        Whether each video must have a label; where it need not, one that has none gets "".

    Returns
    -------
    dict of str to Video
        By `video_id`, in the table's order.

    Raises
    ------
    UserError
        Names file, line, column, value and remedy of the first few problems.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            header = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except FileNotFoundError as error:
        raise UserError(
            f"The manifest {path} does not exist. Make it with `deepfake manifest "
            "--help`, or, of videos that are to be downloaded, with `deepfake filelist CONFIG`; or "
            "correct `manifest` in the config."
        ) from error
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise UserError(
            f"The manifest {path} cannot be read ({error}). Save it as UTF-8, tab separated."
        ) from error

    _check_rows(f"The manifest {path}", header, rows, "line {}".format, labelled)
    if not rows:
        raise UserError(f"The manifest {path} has no videos. Add one row per video.")
    videos = (Video(**{"label": "", **_named(header, cells)}) for _, cells in rows)
    return {video.video_id: video for video in videos}


def write_manifest(path: Path, videos: Iterable[Video]) -> None:
    """Write a manifest with the columns that at least one video fills.

    Raises UserError for what `read_manifest` would refuse, a tab in a file's name for example.
    """
    rows = [asdict(video) for video in videos]
    if not rows:
        raise UserError(f"There is no video to write into {path}, so it was not written.")
    used = [f.name for f in fields(Video) if any(row[f.name] for row in rows)]
    _check_rows(
        f"{path} was not written: what was to be in it",
        used,
        [(number, [row[name] for name in used]) for number, row in enumerate(rows)],
        lambda number: f"the row of {rows[number]['path']!r}",
    )
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8", newline="") as out:
        out.write("\t".join(used) + "\n")
        for row in rows:
            out.write("\t".join(row[name] for name in used) + "\n")


def remove_rows(path: Path, video_ids: Iterable[str]) -> None:
    """Take videos out of a manifest; every other byte of it stays."""
    gone = set(video_ids)
    with path.open(encoding="utf-8", newline="") as lines:
        header, *rows = lines
    column = [cell.strip() for cell in header.lstrip("\ufeff").split("\t")].index("video_id")
    kept = (row for row in rows if not row.strip() or row.split("\t")[column].strip() not in gone)
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8", newline="") as out:
        out.writelines([header, *kept])


def pair_with_files(videos: Iterable[Video], files: Sequence[Path]) -> Iterator[tuple[Video, Path]]:
    """Pair each video with its own file, `{video_id}` and a suffix.

    Raises
    ------
    UserError
        They don't fit: the manifest was edited while the run went on.
    """
    rows = list(videos)
    if [video.video_id for video in rows] != [path.stem for path in files]:
        raise UserError(
            "The manifest was changed while the run went on. Start the same command again."
        )
    return zip(rows, files, strict=True)


def _check_rows(
    what: str,
    header: list[str],
    rows: list[tuple[int, list[str]]],
    place: Callable[[int], str],
    labelled: bool = True,
) -> None:
    """Check numbered `rows` of `what`; `place` says where one of a number stands."""
    schema = yaml.load(SCHEMA.read_text(encoding="utf-8"), yaml.CSafeLoader)
    if not labelled:
        schema["required"].remove("label")
    _check_header(what, header, schema)
    problems = [
        f"{where[0].upper()}{where[1:]}{problem}"
        for number, problem in _row_problems(header, rows, place, schema)
        for where in [place(number)]
    ]
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        shown = problems[:SHOWN_PROBLEMS] + ([f"and {more} more."] if more > 0 else [])
        raise UserError(f"{what} has a problem.\n" + "\n".join(shown))


def _check_header(what: str, header: list[str], schema: dict[str, Any]) -> None:
    known = ", ".join(schema["properties"])
    for column in header:
        if column not in schema["properties"]:
            raise UserError(
                f"{what} has the unknown column {column!r}. Columns are separated "
                f"by tabs; known are {known}. Rename it or take it out."
            )
        if header.count(column) > 1:
            raise UserError(f"{what} has the column {column!r} twice. Keep one.")
    *others, last = schema["required"]
    for column in schema["required"]:
        if column not in header:
            raise UserError(
                f"{what} lacks the column {column!r}. Its first line must name the "
                f"columns, separated by tabs; {', '.join(others)} and {last} are needed."
            )


def _row_problems(
    header: list[str],
    rows: list[tuple[int, list[str]]],
    place: Callable[[int], str],
    schema: dict[str, Any],
) -> Iterable[tuple[int, str]]:
    import fastjsonschema  # compiled once: a manifest may have a million rows

    check = fastjsonschema.compile(schema)
    seen: dict[str, tuple[int, str]] = {}
    for number, cells in rows:
        if len(cells) > len(header):
            yield (
                number,
                f" has {len(cells)} cells for {len(header)} columns. Take out the surplus tabs.",
            )
            continue
        row = _named(header, cells)
        try:
            check(row)
        except fastjsonschema.JsonSchemaValueException as error:
            yield number, _explain(row, error, schema)
            continue
        # many disks don't tell upper from lower case in names of files
        first, there = seen.setdefault(row["video_id"].lower(), (number, row["video_id"]))
        if first != number:
            same = there == row["video_id"]
            as_what = "" if same else f" as {there!r}, which is the same name on many disks"
            yield (
                number,
                f", column video_id: {row['video_id']!r} stands in {place(first)} already{as_what}."
                " Give each video its own id, for example by adding method and compression.",
            )


def _explain(row: dict[str, str], error: Any, schema: dict[str, Any]) -> str:
    column = error.path[1] if len(error.path) > 1 else None
    if column is None:  # a required cell is empty
        column = next(name for name in schema["required"] if name not in row)
    value = row.get(column, "")
    what = f"{value!r} is not allowed" if value else "the cell is empty"
    needed = schema["properties"][column]["description"]
    return f", column {column}: {what}. Needed: {needed}"


def _named(header: list[str], cells: list[str]) -> dict[str, str]:
    return {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}

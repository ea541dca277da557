"""The manifest: the videos of a run, their labels and the people in them."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.common.labels import DEMO

SCHEMA = Path(__file__).parents[3] / "config/schemas/manifest.schema.yaml"
MAX_PROBLEMS = 5  # in one message


@dataclass(frozen=True)
class Video:
    """One row of the manifest; empty cells are empty strings."""

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
        """Whether the workflow generates the video itself."""
        return self.dataset == DEMO


def read_manifest(path: Path, labelled: bool = True) -> dict[str, Video]:
    """Read a tab-separated manifest (`config/schemas/manifest.schema.yaml`), by `video_id`.

    Labels may be "" unless they are required by `labelled`. Raises a UserError that names file,
    line, column, value and remedy of the first few problems.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            header = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except FileNotFoundError as error:
        raise UserError(
            f"The manifest {path} does not exist. Create it with `deepfake manifest --help` or, "
            "for videos to download, `deepfake filelist CONFIG`; or correct `manifest` in the "
            "config."
        ) from error
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise UserError(
            f"The manifest {path} cannot be read ({error}). Save it as UTF-8, tab separated."
        ) from error

    _check_rows(f"The manifest {path}", header, rows, "line {}".format, labelled)
    if not rows:
        raise UserError(f"The manifest {path} has no videos. Add one row per video.")
    videos = (Video(**{"label": "", **_to_dict(header, cells)}) for _, cells in rows)
    return {video.video_id: video for video in videos}


def write_manifest(path: Path, videos: Iterable[Video]) -> None:
    """Write a manifest with the columns that at least one video fills.

    Raises a UserError for what `read_manifest` rejects, for example a tab in a file name.
    """
    rows = [asdict(video) for video in videos]
    if not rows:
        raise UserError(f"{path} was not written: there are no videos.")
    header = [field.name for field in fields(Video) if any(row[field.name] for row in rows)]
    cells = [[row[name] for name in header] for row in rows]
    _check_rows(
        f"{path} was not written: the table",
        header,
        list(enumerate(cells)),
        lambda number: f"the row of {rows[number]['path']!r}",
    )
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        out.writelines("\t".join(line) + "\n" for line in (header, *cells))


def remove_rows(path: Path, video_ids: Iterable[str]) -> None:
    """Remove videos from a manifest; every other byte stays the same."""
    removed = set(video_ids)
    with path.open(encoding="utf-8", newline="") as lines:
        header, *rows = lines
    column = [cell.strip() for cell in header.lstrip("\ufeff").split("\t")].index("video_id")
    rows = [r for r in rows if not r.strip() or r.split("\t")[column].strip() not in removed]
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        out.writelines([header, *rows])


def pair_with_files(videos: Iterable[Video], files: Sequence[Path]) -> Iterator[tuple[Video, Path]]:
    """Pair each video with its file, `{video_id}` plus a suffix.

    Raises a UserError if they do not match because the manifest was edited during the run.
    """
    rows = list(videos)
    if [video.video_id for video in rows] != [path.stem for path in files]:
        raise UserError("The manifest was changed during the run. Start the same command again.")
    return zip(rows, files, strict=True)


def _check_rows(
    title: str,
    header: list[str],
    rows: list[tuple[int, list[str]]],
    locate: Callable[[int], str],
    labelled: bool = True,
) -> None:
    """Check numbered rows against the schema. Messages start with `title`; `locate` says where the
    row of a number is."""
    schema = yaml.load(SCHEMA.read_text(encoding="utf-8"), yaml.CSafeLoader)
    if not labelled:
        schema["required"].remove("label")
    _check_header(title, header, schema)
    problems = list(_row_problems(header, rows, locate, schema))
    if len(problems) > MAX_PROBLEMS:
        problems[MAX_PROBLEMS:] = [f"and {len(problems) - MAX_PROBLEMS} more."]
    if problems:
        raise UserError(f"{title} has a problem.\n" + "\n".join(problems))


def _check_header(title: str, header: list[str], schema: dict[str, Any]) -> None:
    for column in header:
        if column not in schema["properties"]:
            raise UserError(
                f"{title} has the unknown column {column!r}. Columns are separated by tabs; known "
                f"are {', '.join(schema['properties'])}. Rename or remove it."
            )
        if header.count(column) > 1:
            raise UserError(f"{title} has the column {column!r} twice. Keep one.")
    for column in schema["required"]:
        if column not in header:
            raise UserError(
                f"{title} lacks the column {column!r}. The first line must name the columns, "
                f"separated by tabs; required are {', '.join(schema['required'])}."
            )


def _row_problems(
    header: list[str],
    rows: list[tuple[int, list[str]]],
    locate: Callable[[int], str],
    schema: dict[str, Any],
) -> Iterator[str]:
    import fastjsonschema  # compiled once: a manifest may have a million rows

    check = fastjsonschema.compile(schema)
    first: dict[str, tuple[int, str]] = {}
    for number, cells in rows:
        problem = ""
        row = _to_dict(header, cells)
        try:
            check(row)
        except fastjsonschema.JsonSchemaValueException as error:
            problem = _explain(row, error, schema)
        if len(cells) > len(header):
            problem = f" has {len(cells)} cells for {len(header)} columns. Remove surplus tabs."
        if not problem:
            # on many disks "a" and "A" name the same file
            name = row["video_id"]
            other_number, other = first.setdefault(name.lower(), (number, name))
            if other_number != number:
                case = "" if other == name else f" as {other!r}, the same name on many disks"
                problem = (
                    f", column video_id: {name!r} is already used in {locate(other_number)}{case}. "
                    "Give each video its own id, for example by adding method and compression."
                )
        if problem:
            place = locate(number)
            yield f"{place[0].upper()}{place[1:]}{problem}"


def _explain(row: dict[str, str], error: Any, schema: dict[str, Any]) -> str:
    if len(error.path) > 1:
        column = error.path[1]
        problem = f"{row[column]!r} is not allowed"
    else:
        column = next(name for name in schema["required"] if name not in row)
        problem = "the cell is empty"
    return f", column {column}: {problem}. Needed: {schema['properties'][column]['description']}"


def _to_dict(header: list[str], cells: list[str]) -> dict[str, str]:
    return {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}

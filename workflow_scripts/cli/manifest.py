"""`deepfake manifest`: the manifest of a data set on disk, with a subcommand per layout."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from workflow_scripts.cli._shared import Splits, examples, print_errors
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import UNKNOWN
from workflow_scripts.lib.data.datasets import LAYOUTS, Compression, Method, add_official_splits
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video, write_manifest

NEXT = (
    "Then name the manifest in a config, and run it: `snakemake --configfile config/mine.yaml` "
    "(README.md)."
)

app = typer.Typer(
    name="manifest",
    help="""Create a manifest from a data set on disk.

    Each layout knows the folders and file names of a data set; docs/manifest.md lists them.
    Identical files are detected and marked, so copies never end up on both sides of a split.""",
    epilog=examples(
        "deepfake manifest folders FOLDER --output config/mine.tsv",
        "deepfake manifest faceforensics FOLDER --output config/faceforensics.tsv",
        then=f"`deepfake manifest LAYOUT --help` lists a layout's further options. {NEXT}",
    ),
    subcommand_metavar="LAYOUT FOLDER",
    no_args_is_help=True,
)


class _MultiValueCommand(TyperCommand):
    """A command whose repeatable options also accept several values at once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = {
            name for option in self.params if getattr(option, "multiple", 0) for name in option.opts
        }
        return super().parse_args(ctx, repeat_options(args, options))


def repeat_options(arguments: Sequence[str], options: set[str]) -> list[str]:
    """Rewrite `--methods A B` as `--methods A --methods B`, for each of the options."""
    rewritten: list[str] = []
    option = ""
    for number, word in enumerate(arguments):
        if word == "--":
            return [*rewritten, *arguments[number:]]
        if word.startswith("-"):
            option = word if word in options else ""
        elif option and rewritten[-1] != option:
            rewritten.append(option)
        rewritten.append(word)
    return rewritten


def _parse_pair(text: str) -> Any:
    name, _, value = text.partition("=")
    if not name or not value:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the data set.")]
_Output = Annotated[Path, typer.Option(metavar="TSV", help="The manifest to write.")]
_Count = Annotated[
    int | None,
    typer.Option(
        "--videos",
        min=1,
        metavar="N",
        help="Take about N videos, stratified by label and evenly spaced (default: all).",
    ),
]
_Methods = Annotated[list[Method], typer.Option(help="One or more manipulation methods.")]
_Compressions = Annotated[list[Compression], typer.Option(help="One or more compression levels.")]
_METHODS = [Method.DEEPFAKES]
_COMPRESSIONS = [Compression.C23]


def _layout(name: str, *arguments: str) -> Any:
    """Decorator: make a function the subcommand of a layout, with the layout's description."""
    text, _, _ = (LAYOUTS[name].__doc__ or "").partition("\n\n")
    commands = (f"deepfake manifest {name} {line} --output mine.tsv" for line in arguments)
    epilog = examples(*commands, then=NEXT)
    return app.command(name, cls=_MultiValueCommand, help=text, epilog=epilog)


@_layout("faceforensics", "FOLDER", "FOLDER --methods Deepfakes FaceSwap")
def _faceforensics(
    folder: _Folder,
    output: _Output,
    methods: _Methods = _METHODS,
    splits: Splits = None,
    count: _Count = None,
    compressions: _Compressions = _COMPRESSIONS,
) -> None:
    options = {"folder": folder, "methods": methods, "compressions": compressions}
    _write(output, "faceforensics", count, splits, **options)


@_layout("deepfakedetection", "FOLDER", "FOLDER --compressions c23 c40")
def _deepfakedetection(
    folder: _Folder,
    output: _Output,
    count: _Count = None,
    compressions: _Compressions = _COMPRESSIONS,
) -> None:
    _write(output, "deepfakedetection", count, folder=folder, compressions=compressions)


def _add_simple_layout(name: str, arguments: str = "FOLDER") -> None:
    @_layout(name, arguments)
    def _simple_layout(folder: _Folder, output: _Output, count: _Count = None) -> None:
        _write(output, name, count, folder=folder)


_add_simple_layout("celebdf")
_add_simple_layout("dfdc", "FOLDER --videos 1000")
_add_simple_layout("folders")


@_layout("table", "own.csv", "own.csv --columns path=file --labels real=0 fake=1")
def _table(
    path: Annotated[Path, typer.Argument(metavar="TABLE", help="The table.")],
    output: _Output,
    count: _Count = None,
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Base of relative paths (default: here).")
    ] = Path(),
    columns: Annotated[
        list[Any] | None,
        typer.Option(
            parser=_parse_pair,
            metavar="NAME=COLUMN",
            help="The table's name for a column of the manifest, for example path=filename.",
        ),
    ] = None,
    labels: Annotated[
        list[Any] | None,
        typer.Option(
            parser=_parse_pair,
            metavar="LABEL=WORD",
            help="The table's words for the labels, for example real=0 fake=1.",
        ),
    ] = None,
) -> None:
    renamed: Any = {"columns": dict(columns or ()), "labels": dict(labels or ())}
    _write(output, "table", count, path=path, folder=folder, **renamed)


def _write(
    output: Path, layout: str, count: int | None, splits: Path | None = None, **options: Any
) -> None:
    from workflow_scripts.lib.data.duplicates import mark_copies

    logging.basicConfig(format="manifest: %(message)s")
    with print_errors("manifest"):
        if output.is_dir() or not output.parent.is_dir():
            raise UserError(f"--output {output}: give a file name in an existing folder.")
        videos = LAYOUTS[layout](**options)
        if splits:
            videos = add_official_splits(videos, splits)
        videos = mark_copies(sample_videos(videos, count) if count else videos)
        write_manifest(output, videos)
    print(f"{output}: {_summarize(videos)}")


def sample_videos(videos: list[Video], count: int) -> list[Video]:
    """About `count` evenly spaced videos, stratified by label, in their order."""
    chosen = set()
    for label in {video.label for video in videos}:
        ids = [video.video_id for video in videos if video.label == label]
        n = min(len(ids), max(1, round(count * len(ids) / len(videos))))
        chosen |= {ids[i * len(ids) // n] for i in range(n)}
    return [video for video in videos if video.video_id in chosen]


def _summarize(videos: list[Video]) -> str:
    """Counts and warnings, in lines for the terminal."""
    from workflow_scripts.lib.data.duplicates import conflicting_labels

    labels = Counter(video.label for video in videos)
    groups = set(assign_groups(videos).values())
    unknown = sum(group.startswith(UNKNOWN) for group in groups)
    copies = sum(bool(video.content) for video in videos)
    lines = [
        f"{labels['real']} real and {labels['fake']} fake videos",
        f"{len(groups)} groups that are never split",
    ]
    if unknown:
        lines[-1] += f"; in {unknown} of them the people are unknown, so they may share a person"
    if copies:
        lines.append(f"{copies} files exist several times: copies stay together (column content)")
    for one, other in conflicting_labels(videos):
        lines.append(f"{one.path} and {other.path} are identical, but labelled real and fake")
    return "\n".join(lines)

"""`deepfake manifest`: the manifest of a data set on disk, of which each layout is a subcommand."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand

from workflow_scripts.cli._shared import Splits, examples, failures
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import UNKNOWN
from workflow_scripts.lib.data.datasets import (
    LAYOUTS,
    Compression,
    Method,
    with_official_splits,
)
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import Video, write_manifest

__all__ = ["app", "find_videos", "several_words", "summary", "write_found"]

NEXT = (
    "Then name the manifest in a config, and run it: `snakemake --configfile config/mine.yaml` "
    "(README.md)."
)

app = typer.Typer(
    name="manifest",
    help="""Build a manifest from a data set on disk.

    Each layout knows where its data set keeps the videos, and what their names tell of the people
    in them; docs/manifest.md lists the layouts. Files with the same bytes are found and marked, so
    that copies of a clip never stand on both sides of a split.""",
    epilog=examples(
        "deepfake manifest folders FOLDER --output config/mine.tsv",
        "deepfake manifest faceforensics FOLDER --output config/faceforensics.tsv",
        then=f"`deepfake manifest LAYOUT --help` lists a layout's further options. {NEXT}",
    ),
    subcommand_metavar="LAYOUT FOLDER",
    no_args_is_help=True,
)


class _SeveralWords(TyperCommand):
    """A command whose options that can be repeated take several words at once, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        repeated = {
            name for option in self.params if getattr(option, "multiple", 0) for name in option.opts
        }
        return super().parse_args(ctx, several_words(args, repeated))


def several_words(arguments: Sequence[str], options: set[str]) -> list[str]:
    """`--methods A B` as `--methods A --methods B`, for each of the options."""
    made: list[str] = []
    option = ""
    for number, word in enumerate(arguments):
        if word == "--":
            return [*made, *arguments[number:]]
        if word.startswith("-"):
            option = word if word in options else ""
        elif option and made[-1] != option:
            made.append(option)
        made.append(word)
    return made


class _Pair(NamedTuple):
    name: str
    value: str


def _pair(text: str) -> _Pair:
    name, found, value = text.partition("=")
    if not (name and found and value):
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return _Pair(name, value)


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise typer.BadParameter(
            f"{text!r} is no number of videos. Give a whole number of at least 1, or leave it out."
        )
    return number


_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the data set lies.")]
_Output = Annotated[Path, typer.Option(metavar="TSV", help="The manifest to write.")]
_Number = Annotated[
    int | None,
    typer.Option(
        parser=_count,
        metavar="N",
        help="Take about N videos, spread evenly over those of each label (default: all).",
    ),
]
_Methods = Annotated[list[Method], typer.Option(help="Which fakes; several words, or repeated.")]
_Compressions = Annotated[
    list[Compression], typer.Option(help="Which of the compressions; several words, or repeated.")
]
_METHODS = [Method.DEEPFAKES]
_COMPRESSIONS = [Compression.C23]


def _layout(name: str, *arguments: str) -> Any:
    """Makes a function the subcommand of a layout, described as the layout is."""
    text, _, _ = (LAYOUTS[name].__doc__ or "").partition("\n\n")
    typed = (f"deepfake manifest {name} {line} --output mine.tsv" for line in arguments)
    return app.command(name, cls=_SeveralWords, help=text, epilog=examples(*typed, then=NEXT))


@_layout("faceforensics", "FOLDER", "FOLDER --methods Deepfakes FaceSwap")
def _faceforensics(
    folder: _Folder,
    output: _Output,
    methods: _Methods = _METHODS,
    splits: Splits = None,
    videos: _Number = None,
    compressions: _Compressions = _COMPRESSIONS,
) -> None:
    chosen = {"methods": methods, "compressions": compressions}
    _make("faceforensics", output, videos, folder=folder, splits=splits, **chosen)


@_layout("deepfakedetection", "FOLDER", "FOLDER --compressions c23 c40")
def _deepfakedetection(
    folder: _Folder,
    output: _Output,
    videos: _Number = None,
    compressions: _Compressions = _COMPRESSIONS,
) -> None:
    _make("deepfakedetection", output, videos, folder=folder, compressions=compressions)


@_layout("celebdf", "FOLDER")
def _celebdf(folder: _Folder, output: _Output, videos: _Number = None) -> None:
    _make("celebdf", output, videos, folder=folder)


@_layout("dfdc", "FOLDER", "FOLDER --videos 1000")
def _dfdc(folder: _Folder, output: _Output, videos: _Number = None) -> None:
    _make("dfdc", output, videos, folder=folder)


@_layout("folders", "FOLDER")
def _folders(folder: _Folder, output: _Output, videos: _Number = None) -> None:
    _make("folders", output, videos, folder=folder)


@_layout("table", "own.csv", "own.csv --columns path=file --labels real=0 fake=1")
def _table(
    path: Annotated[Path, typer.Argument(metavar="TABLE", help="The table.")],
    output: _Output,
    videos: _Number = None,
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where relative paths start (default: here).")
    ] = Path(),
    columns: Annotated[
        list[_Pair] | None,
        typer.Option(
            parser=_pair,
            metavar="NAME=COLUMN",
            help="What the table calls a column of the manifest, for example path=filename.",
        ),
    ] = None,
    labels: Annotated[
        list[_Pair] | None,
        typer.Option(
            parser=_pair,
            metavar="LABEL=WORD",
            help="What the table calls real and fake, for example real=0 fake=1.",
        ),
    ] = None,
) -> None:
    named = {"columns": dict(columns or ()), "labels": dict(labels or ())}
    _make("table", output, videos, path=path, folder=folder, **named)


def _make(layout: str, output: Path, number: int | None, **options: Any) -> None:
    logging.basicConfig(format="manifest: %(message)s")
    with failures("manifest"):
        videos = write_found(output, layout, number, **options)
    print(f"{output}: {summary(videos)}")


def write_found(output: Path, layout: str, number: int | None, **options: Any) -> list[Video]:
    """Write the manifest of `find_videos`; the videos in it.

    Raises
    ------
    UserError
        Nothing can be written there, or what is found is no such data set.
    """
    if output.is_dir() or not output.parent.is_dir():
        raise UserError(
            f"--output {output}: needed is the name of a file, in a folder that is there."
        )
    videos = find_videos(layout, number, **options)
    write_manifest(output, videos)
    return videos


def find_videos(
    layout: str, number: int | None, splits: Path | None = None, **options: Any
) -> list[Video]:
    """The videos of a data set, copies marked.

    Parameters
    ----------
    layout : str
        One of `LAYOUTS`, which takes the further options.
    number : int, optional
        About how many are taken, as large a share of each label.
    splits : Path, optional
        Where the official split of FaceForensics++ lies.
    """
    from workflow_scripts.lib.data.duplicates import mark_copies

    videos = LAYOUTS[layout](**options)
    if splits:
        videos = with_official_splits(videos, splits)
    if number:
        videos = _spread(videos, number)
    return mark_copies(videos)


def _spread(videos: list[Video], number: int) -> list[Video]:
    """About `number` of the videos, as large a share of each label, in their order."""
    chosen = set()
    for label in {video.label for video in videos}:
        of_label = [video.video_id for video in videos if video.label == label]
        shown = min(len(of_label), max(1, round(number * len(of_label) / len(videos))))
        chosen |= {of_label[i * len(of_label) // shown] for i in range(shown)}
    return [video for video in videos if video.video_id in chosen]


def summary(videos: list[Video]) -> str:
    """How many videos there are of whom, in lines for people."""
    from workflow_scripts.lib.data.duplicates import two_labels

    labels = Counter(video.label for video in videos)
    groups = set(assign_groups(videos).values())
    unknown = sum(group.startswith(UNKNOWN) for group in groups)
    copies = sum(bool(video.content) for video in videos)
    lines = [
        f"{labels['real']} real and {labels['fake']} fake videos",
        f"{len(groups)} groups that are never split",
    ]
    if unknown:
        lines[-1] += (
            f"; for {unknown} of them it is unknown who is in the videos, so the same person may "
            "be in several"
        )
    if copies:
        lines.append(f"{copies} files exist several times: copies stay together (column content)")
    for one, other in two_labels(videos):
        lines.append(f"{one.path} and {other.path} are the same bytes, called real and fake")
    return "\n".join(lines)

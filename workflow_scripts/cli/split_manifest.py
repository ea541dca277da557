"""`deepfake split-manifest`: parts of a manifest that several people, or several runs, work on."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from workflow_scripts.cli._shared import examples, failures
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.manifest import Video, read_manifest, write_manifest

__all__ = ["app", "deal", "write_parts"]

app = typer.Typer()


@app.command(
    short_help="Divide a manifest into parts.",
    epilog=examples(
        "deepfake split-manifest config/all.tsv --parts 4",
        then="This writes config/all-1.tsv to config/all-4.tsv. Then run each part, and join their "
        "stores (docs/scaling.md).",
    ),
)
def split_manifest(
    manifest: Annotated[Path, typer.Argument(metavar="TSV", help="The manifest.")],
    parts: Annotated[int, typer.Option(metavar="N", help="How many parts.")],
) -> None:
    """Divide a manifest into parts that several people, or several runs, work on.

    The rows of each label are dealt in turn, so that every part has both.
    """
    with failures("split-manifest"):
        for path in write_parts(manifest, parts):
            print(path)


def write_parts(manifest: Path, parts: int) -> Iterator[Path]:
    """Write the parts of a manifest beside it, numbered from 1; each path, once it is written."""
    videos = list(read_manifest(manifest).values())
    for number, part in enumerate(deal(videos, parts), start=1):
        path = manifest.with_stem(f"{manifest.stem}-{number}")
        write_manifest(path, part)
        yield path


def deal(videos: list[Video], parts: int) -> list[list[Video]]:
    """Deal videos, label by label, into as many parts; each keeps their order.

    Raises
    ------
    UserError
        A part would have no video of some label.
    """
    dealt: list[list[Video]] = [[] for _ in range(max(parts, 1))]
    count = Counter[str]()
    for video in videos:
        dealt[count[video.label] % len(dealt)].append(video)
        count[video.label] += 1
    most = min(count[label.word] for label in Label)
    if not 1 <= parts <= most:
        raise UserError(f"--parts: {parts} is not between 1 and {most}, the videos of a label.")
    return dealt

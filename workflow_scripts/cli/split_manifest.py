"""`deepfake split-manifest`: parts of a manifest for several people or runs."""

from pathlib import Path
from typing import Annotated

import typer

from workflow_scripts.cli._shared import examples, print_errors
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.manifest import Video, read_manifest, write_manifest

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
    parts: Annotated[int, typer.Option(metavar="N", help="Number of parts.")],
) -> None:
    """Divide a manifest into parts for several people or runs.

    The parts get equal shares of each label.
    """
    with print_errors("split-manifest"):
        videos = list(read_manifest(manifest).values())
        for number, part in enumerate(divide_videos(videos, parts), start=1):
            path = manifest.with_stem(f"{manifest.stem}-{number}")
            write_manifest(path, part)
            print(path)


def divide_videos(videos: list[Video], parts: int) -> list[list[Video]]:
    """Distribute the videos of each label round-robin; each part keeps their order.

    Raises a UserError if a part would lack a label.
    """
    by_label = [[video for video in videos if video.label == label.word] for label in Label]
    max_parts = min(map(len, by_label))
    if not 1 <= parts <= max_parts:
        raise UserError(
            f"--parts: {parts} is not between 1 and {max_parts}, the number of videos of the rarer "
            "label."
        )
    part_of = {v.video_id: i % parts for of_label in by_label for i, v in enumerate(of_label)}
    return [[v for v in videos if part_of[v.video_id] == part] for part in range(parts)]

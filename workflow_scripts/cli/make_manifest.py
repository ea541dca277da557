"""Build a manifest from a data set on disk.

    python -m workflow_scripts.cli.make_manifest LAYOUT FOLDER --output config/videos.tsv

Each layout knows where its data set keeps the videos, and what their names tell of the people in
them; docs/manifest.md lists the layouts. Files with the same bytes are found and marked, so that
copies of a clip never stand on both sides of a split.
"""

import argparse
import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.datasets import (
    COMPRESSIONS,
    LAYOUTS,
    METHODS,
    SPLITS_HELP,
    with_official_splits,
)
from workflow_scripts.lib.data.duplicates import mark_copies, two_labels
from workflow_scripts.lib.data.identities import UNKNOWN, assign_groups
from workflow_scripts.lib.data.manifest import Video, write_manifest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workflow_scripts.cli.make_manifest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    layouts = parser.add_subparsers(dest="layout", required=True, metavar="LAYOUT")
    options = {}
    for name, function in LAYOUTS.items():
        text, _, _ = (function.__doc__ or "").partition("\n\n")
        options[name] = layouts.add_parser(name, help=text, description=text)
        if name != "table":
            options[name].add_argument("folder", type=Path, metavar="FOLDER")
        options[name].add_argument("--output", type=Path, required=True, metavar="TSV")
    ffpp = options["faceforensics"]
    ffpp.add_argument("--methods", nargs="+", choices=METHODS, default=["Deepfakes"])
    ffpp.add_argument("--splits", type=Path, metavar="FOLDER", help=SPLITS_HELP)
    for name in LAYOUTS:
        options[name].add_argument(
            "--videos",
            type=_count,
            metavar="N",
            help="take about N videos, spread evenly over those of each label (default: all)",
        )
    for name in ("faceforensics", "deepfakedetection"):
        options[name].add_argument(
            "--compressions", nargs="+", choices=COMPRESSIONS, default=["c23"]
        )
    own = options["table"]
    own.add_argument("path", type=Path, metavar="TABLE")
    own.add_argument(
        "--folder", type=Path, default=Path(), help="where relative paths start (default: here)"
    )
    own.add_argument(
        "--columns", nargs="+", type=_pair, default=[], metavar="NAME=COLUMN",
        help="what the table calls a column of the manifest, for example path=filename",
    )  # fmt: skip
    own.add_argument(
        "--labels", nargs="+", type=_pair, default=[], metavar="LABEL=WORD",
        help="what the table calls real and fake, for example real=0 fake=1",
    )  # fmt: skip
    return parser


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of videos. Give a whole number of at least 1, or leave it out."
        )
    return number


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not (name and found and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _spread(videos: list[Video], number: int) -> list[Video]:
    """About `number` of the videos, as large a share of each label, in their order."""
    chosen = set()
    for label in {video.label for video in videos}:
        of_label = [video.video_id for video in videos if video.label == label]
        shown = min(len(of_label), max(1, round(number * len(of_label) / len(videos))))
        chosen |= {of_label[i * len(of_label) // shown] for i in range(shown)}
    return [video for video in videos if video.video_id in chosen]


def _find_videos(
    layout: str, splits: Path | None = None, number: int | None = None, **options: Any
) -> list[Video]:
    named = {key: dict(options[key]) for key in ("columns", "labels") if key in options}
    videos = LAYOUTS[layout](**options | named)
    if splits:
        videos = with_official_splits(videos, splits)
    if number:
        videos = _spread(videos, number)
    return mark_copies(videos)


def _summary(videos: list[Video]) -> str:
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


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit status."""
    options = vars(_parser().parse_args(arguments))
    output = options.pop("output")
    logging.basicConfig(format="make_manifest: %(message)s")
    try:
        if output.is_dir() or not output.parent.is_dir():
            raise UserError(
                f"--output {output}: needed is the name of a file, in a folder that is there."
            )
        videos = _find_videos(number=options.pop("videos"), **options)
        write_manifest(output, videos)
    except (UserError, OSError) as error:
        print(f"make_manifest: {error}", file=sys.stderr)
        return 1
    print(f"{output}: {_summary(videos)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Divide a manifest into parts that several people, or several runs, work on.

    python -m workflow_scripts.cli.split_manifest config/all.tsv --parts 4

writes config/all-1.tsv to config/all-4.tsv; the rows of each label are dealt in turn, so that every
part has both. Then run each part, and join their stores (docs/scaling.md).
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.manifest import Video, read_manifest, write_manifest


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


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow_scripts.cli.split_manifest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("manifest", type=Path, metavar="TSV")
    parser.add_argument("--parts", type=int, required=True, metavar="N")
    options = parser.parse_args(arguments)
    try:
        videos = list(read_manifest(options.manifest).values())
        for number, part in enumerate(deal(videos, options.parts), start=1):
            path = options.manifest.with_stem(f"{options.manifest.stem}-{number}")
            write_manifest(path, part)
            print(path)
    except (UserError, OSError) as error:
        print(f"split_manifest: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Build a manifest from folders of videos.

    python -m workflow_scripts.make_manifest faceforensics FOLDER --output config/faceforensics.tsv
    python -m workflow_scripts.make_manifest folders FOLDER --output config/videos.tsv

`faceforensics` expects FaceForensics++'s own tree:

    FOLDER/original_sequences/youtube/{compression}/videos/{target}.mp4
    FOLDER/manipulated_sequences/{method}/{compression}/videos/{target}_{source}.mp4

`folders` expects FOLDER/real/ and FOLDER/fake/ with videos in them, at any depth. Who is in those
videos is unknown, so each counts as a group of its own: fill in the column `group` if you know.
"""

import argparse
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from workflow_scripts.lib.manifest import Label, Video, write_manifest
from workflow_scripts.lib.run import UserError

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
COMPRESSIONS = ("raw", "c23", "c40")
SUFFIXES = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv"}
MAX_ID = 64


def faceforensics(folder: Path, methods: list[str], compressions: list[str]) -> list[Video]:
    """The videos of a FaceForensics++ tree: originals first, then each method, by name.

    Raises
    ------
    UserError
        A wanted method or compression has no videos there, or a name does not fit the scheme.
    """
    videos = []
    for compression in compressions:
        kinds = [("original", folder / "original_sequences/youtube")]
        kinds += [(method, folder / "manipulated_sequences" / method) for method in methods]
        for method, root in kinds:
            clips = sorted((root / compression / "videos").glob("*.mp4"))
            if not clips:
                raise UserError(
                    f"No .mp4 in {root / compression / 'videos'}. Check the folder, or choose "
                    "others with --methods and --compressions."
                )
            videos += [_faceforensics_video(clip, method, compression) for clip in clips]
    return videos


def _faceforensics_video(clip: Path, method: str, compression: str) -> Video:
    original = method == "original"
    match = re.fullmatch(r"(\d{3})" if original else r"(\d{3})_(\d{3})", clip.stem)
    if not match:
        scheme = "NNN.mp4" if original else "TTT_SSS.mp4 (target, source)"
        raise UserError(f"{clip} is not named {scheme}. Rename it or move it elsewhere.")
    return Video(
        video_id=f"{method}_{compression}_{clip.stem}",
        path=str(clip),
        label=(Label.REAL if original else Label.FAKE).word,
        target=match[1],
        source="" if original else match[2],
        dataset="faceforensics",
        method=method,
        compression=compression,
    )


def folders(folder: Path) -> list[Video]:
    """The videos below `folder/real` and `folder/fake`, by path.

    Raises
    ------
    UserError
        One of the two has no videos.
    """
    videos = []
    for label in Label:
        root = folder / label.word
        clips = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not clips:
            raise UserError(
                f"No videos in {root}. Expected are files ending in {', '.join(sorted(SUFFIXES))}."
            )
        videos += [
            Video(_id_from(clip.relative_to(folder)), str(clip), label.word) for clip in clips
        ]
    taken: set[str] = set()
    for position, video in enumerate(videos):
        video_id = _free_id(video.video_id, taken)
        taken.add(video_id)
        videos[position] = replace(video, video_id=video_id)
    return videos


def _free_id(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with a number behind it: "a b.mp4" and "a+b.mp4" would get the same id."""
    number, free = 1, wanted
    while free in taken:
        number += 1
        free = f"{wanted[: MAX_ID - len(str(number)) - 1]}-{number}"
    return free


def _id_from(path: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", str(path.with_suffix(""))).strip("-_")
    return name[:MAX_ID]


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow_scripts.make_manifest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    layouts = parser.add_subparsers(dest="layout", required=True, metavar="LAYOUT")
    ffpp = layouts.add_parser("faceforensics", help="FaceForensics++'s own tree")
    ffpp.add_argument("--methods", nargs="+", choices=METHODS, default=["Deepfakes"])
    ffpp.add_argument("--compressions", nargs="+", choices=COMPRESSIONS, default=["c23"])
    plain = layouts.add_parser("folders", help="two folders, real/ and fake/")
    for layout in (ffpp, plain):
        layout.add_argument("folder", type=Path, metavar="FOLDER")
        layout.add_argument("--output", type=Path, required=True, metavar="TSV")
    options = parser.parse_args(arguments)
    try:
        if options.layout == "faceforensics":
            videos = faceforensics(options.folder, options.methods, options.compressions)
        else:
            videos = folders(options.folder)
        write_manifest(options.output, videos)
    except (UserError, OSError) as error:
        print(f"make_manifest: {error}", file=sys.stderr)
        return 1
    counts = Counter(video.label for video in videos)
    print(f"{options.output}: {counts['real']} real and {counts['fake']} fake videos")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

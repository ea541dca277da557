"""Layouts: how data sets lay out their videos, and what their file names tell.

One function per data set, from its folder to manifest rows. A person is named as `target` or
`source` only where the data set itself names them. Where it does not, the cells stay empty, and
the run calls it unknown whether the same person stands on both sides of a split.
"""

from __future__ import annotations

import csv
import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.labels import Label
from workflow_scripts.lib.data.manifest import Video

__all__ = [
    "LAYOUTS",
    "Compression",
    "Method",
    "celebdf",
    "deepfakedetection",
    "dfdc",
    "faceforensics",
    "faceforensics_path",
    "faceforensics_video",
    "folders",
    "listed_videos",
    "parse_pairs",
    "table",
    "videos_below",
    "warn_of_others_below",
    "with_official_splits",
]

ORIGINAL = "original"
SUFFIXES = {  # of the containers that the decoder reads
    *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mk3d"),
    *(".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt"),
    *(".ts", ".vob", ".webm", ".wmv"),
}
MAX_ID = 64
SPLIT_FILES = {"train.json": "train", "val.json": "validation", "test.json": "test"}


class Method(StrEnum):
    """What made a fake of FaceForensics++, as its folders are called."""

    DEEPFAKES = "Deepfakes"
    FACE2FACE = "Face2Face"
    FACESWAP = "FaceSwap"
    NEURALTEXTURES = "NeuralTextures"
    FACESHIFTER = "FaceShifter"


class Compression(StrEnum):
    """How videos of FaceForensics++ and of DeepFakeDetection are compressed; raw ones hardly."""

    RAW = "raw"
    C23 = "c23"
    C40 = "c40"


def faceforensics(folder: Path, methods: Sequence[str], compressions: Sequence[str]) -> list[Video]:
    """FaceForensics++, in its own tree. A fake is named `target_source`, so everyone is known."""
    videos = []
    for compression in dict.fromkeys(compressions):
        for method in dict.fromkeys((ORIGINAL, *methods)):
            place = folder / faceforensics_path(method, compression)
            hint = "Check the folder, or choose others with --methods and --compressions."
            for clip in _clips(place, hint):
                videos.append(faceforensics_video(clip, method, compression))
    return videos


def faceforensics_path(method: str, compression: str) -> Path:
    """Where the tree, on disk and on the server, keeps the videos of a method or of `original`."""
    parts = ("original_sequences", "youtube")
    if method != ORIGINAL:
        parts = ("manipulated_sequences", method)
    return Path(*parts, compression, "videos")


def faceforensics_video(clip: Path, method: str, compression: str) -> Video:
    """The manifest row of one file of FaceForensics++."""
    original = method == ORIGINAL
    scheme = "NNN.mp4" if original else "TTT_SSS.mp4 (target, source)"
    people = _match(r"(\d{3})" if original else r"(\d{3})_(\d{3})", clip, scheme)
    return Video(
        video_id=f"{method}_{compression}_{clip.stem}",
        path=str(clip),
        label=(Label.REAL if original else Label.FAKE).word,
        target=people[0],
        source="" if original else people[1],
        dataset="faceforensics",
        method=method,
        compression=compression,
    )


def listed_videos(
    pairs: Sequence[tuple[str, str]],
    folder: Path,
    methods: Sequence[str],
    compressions: Sequence[str],
    count: int | None,
) -> list[Video]:
    """The videos of FaceForensics++ that its server has, as they will lie in `folder`: of originals
    and of each method the first `count`, in the order of the server's list of pairs."""
    originals = [person for pair in pairs for person in pair]
    fakes = [name for one, other in pairs for name in (f"{one}_{other}", f"{other}_{one}")]
    return [
        faceforensics_video(folder / place / f"{name}.mp4", method, compression)
        for compression in compressions
        for method in (ORIGINAL, *methods)
        for place in [faceforensics_path(method, compression)]
        for name in (originals if method == ORIGINAL else fakes)[:count]
    ]


def with_official_splits(videos: Iterable[Video], folder: Path) -> list[Video]:
    """FaceForensics++ videos with `split` filled from its `train.json`, `val.json`, `test.json`,
    lists of pairs of identities. A video whose people are in none of them keeps it empty.

    Raises
    ------
    UserError
        A file is missing or no list of pairs; a person is in two of them, or a fake is made from
        people of two.
    """
    part_of: dict[str, str] = {}
    for name, part in SPLIT_FILES.items():
        for person in chain(*parse_pairs(_read_text(folder / name), str(folder / name))):
            if part_of.setdefault(person, part) != part:
                raise UserError(f"{folder / name}: {person} is in {part_of[person]} already.")
    return [replace(video, split=_official_part(video, part_of)) for video in videos]


def parse_pairs(text: str, where: str) -> list[tuple[str, str]]:
    """Read a list of pairs of FaceForensics++ identities, such as `[["071", "054"]]`.

    Raises
    ------
    UserError
        The text, which comes from `where`, is anything else.
    """
    try:
        pairs = json.loads(text)
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, list) or not all(map(_is_pair, pairs)):
        raise UserError(f'{where} is not a list of pairs such as [["071", "054"]]. Fetch it again.')
    return [(one, other) for one, other in pairs]


def _is_pair(pair: Any) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(name, str) and re.fullmatch(r"[0-9]{3}", name) for name in pair)
    )


def _official_part(video: Video, part_of: dict[str, str]) -> str:
    parts = {person: part_of.get(person, "") for person in (video.target, video.source) if person}
    if len(set(parts.values())) > 1:
        found = " and ".join(f"{name} in {part or 'no list'}" for name, part in parts.items())
        raise UserError(
            f"{video.path} shows two people, of which the split files have {found}. Are they those "
            "of this data set?"
        )
    return next(iter(parts.values()))


def deepfakedetection(folder: Path, compressions: Sequence[str]) -> list[Video]:
    """DeepFakeDetection (the actors distributed with FaceForensics++), in its own tree. File names
    begin with the actor, or with target and source, so all people are known."""
    kinds = {
        Label.REAL: ("actors", "original_sequences/actors", r"(\d\d)__.+", "NN__scene.mp4"),
        Label.FAKE: (
            *("DFD", "manipulated_sequences/DeepFakeDetection"),
            *(r"(\d\d)_(\d\d)__.+", "TT_SS__scene__CODE.mp4 (target, source)"),
        ),
    }
    videos = []
    for compression in dict.fromkeys(compressions):
        for label, (prefix, root, pattern, scheme) in kinds.items():
            hint = "Check the folder, or choose others with --compressions."
            for clip in _clips(folder / root / compression / "videos", hint):
                target, *source = _match(pattern, clip, scheme)
                videos.append(
                    Video(
                        video_id=_id_of(f"{prefix}_{compression}_{clip.stem}"),
                        path=str(clip),
                        label=label.word,
                        target=target,
                        source="".join(source),
                        dataset="deepfakedetection",
                        method="DeepFakeDetection" if source else ORIGINAL,
                        compression=compression,
                    )
                )
    return _with_free_ids(videos)


def celebdf(folder: Path) -> list[Video]:
    """Celeb-DF, version 1 or 2, in its own tree. File names identify the celebrities
    (`idTARGET_idSOURCE_NNNN`), but not the people in `YouTube-real`. `split` is `test` for the
    videos listed in `List_of_testing_videos.txt` and `train` for the others; without that file it
    is empty."""
    kinds = {
        "Celeb-real": (Label.REAL, r"(id\d+)_\d+", "id0_0000.mp4"),
        "YouTube-real": (Label.REAL, r"\d+", "00000.mp4"),
        "Celeb-synthesis": (Label.FAKE, r"(id\d+)_(id\d+)_\d+", "id0_id1_0000.mp4"),
    }
    tested = _celebdf_test(folder / "List_of_testing_videos.txt", kinds)
    videos = []
    for name, (label, pattern, scheme) in kinds.items():
        for clip in _clips(folder / name, "Check the folder."):
            target, source = (*_match(pattern, clip, scheme), "", "")[:2]
            split = "test" if f"{name}/{clip.name}" in tested else "train"
            videos.append(
                Video(
                    video_id=_id_of(f"{name}_{clip.stem}"),
                    path=str(clip),
                    label=label.word,
                    target=target,
                    source=source,
                    dataset="celebdf",
                    method=name if source else ORIGINAL,
                    split=split if tested else "",
                )
            )
    on_disk = {Path(video.path).relative_to(folder).as_posix() for video in videos}
    _tell(tested - on_disk, "that the test list names are not on disk")
    return _with_free_ids(videos)


def _celebdf_test(path: Path, known: Iterable[str]) -> set[str]:
    """The files that the official list names, one "1 YouTube-real/00170.mp4" a line."""
    if not path.exists():
        return set()
    names = {line.split()[-1] for line in _read_text(path).splitlines() if line.strip()}
    for name in sorted(names):
        if name.split("/")[0] not in known:
            raise UserError(f"{path} names {name!r}, which is in none of {', '.join(known)}.")
    if not names:
        logging.warning("%s names no video, so no video has a split", path)
    return names


def dfdc(folder: Path) -> list[Video]:
    """DFDC: folders with a `metadata.json` (`label`, `original`, `split`), at any depth. The people
    are unknown; a fake and its original are one `recording`. Files that are listed but not on disk,
    or on disk but not listed, are counted and left out."""
    lists = sorted(folder.rglob("metadata.json"))
    if not lists:
        raise UserError(f"No metadata.json in {folder} or below. Check the folder.")
    videos = []
    for path in lists:
        try:
            entries = json.loads(_read_text(path))
        except (ValueError, RecursionError):
            entries = None
        if not isinstance(entries, dict):
            raise UserError(f"{path} does not describe videos by name. Fetch it again.")
        videos += [_dfdc_video(path, name, entries[name]) for name in sorted(entries)]
    on_disk = [video for video in videos if Path(video.path).is_file()]
    if not on_disk:
        raise UserError(f"None of the {len(videos)} videos that DFDC lists is in {folder}.")
    listed = {video.path for video in videos}
    _tell(listed - {video.path for video in on_disk}, "that are listed are not on disk")
    _tell(set(map(str, videos_below(folder))) - listed, "on disk are in no metadata.json")
    return _with_free_ids(on_disk)


def _tell(left_out: set[str], what: str) -> None:
    if left_out:
        logging.warning("%d videos %s: %s for example", len(left_out), what, min(left_out))


def _dfdc_video(path: Path, name: str, entry: Any) -> Video:
    labels = {"REAL": Label.REAL, "FAKE": Label.FAKE}
    if (
        not isinstance(entry, dict)
        or not isinstance(entry.get("label"), str)
        or entry["label"] not in labels
        or not isinstance(entry.get("original") or "", str)
        or Path(name).name != name
    ):
        raise UserError(
            f"{path}, {name!r}: needed are the name of a file, its label REAL or FAKE, and for a "
            "fake the name of its original."
        )
    label, split = labels[entry["label"]], entry.get("split")
    return Video(
        video_id=_id_of(Path(name).stem),
        path=str(path.parent / name),
        label=label.word,
        recording=Path(entry.get("original") or name).stem,
        dataset="dfdc",
        method=ORIGINAL if label == Label.REAL else "dfdc",
        split=str(split) if split in SPLIT_FILES.values() else "",
    )


def folders(folder: Path) -> list[Video]:
    """Two folders, `real/` and `fake/`, with videos at any depth. The people are unknown; if you
    know who they are, fill in the column `group`."""
    videos = []
    for label in Label:
        root = folder / label.word
        clips = videos_below(root) if root.is_dir() else []
        if not clips:
            raise UserError(
                f"No videos in {root}. Expected are files ending in {', '.join(sorted(SUFFIXES))}."
            )
        warn_of_others_below(root)
        for clip in clips:
            name = _id_of(str(clip.relative_to(folder).with_suffix("")))
            videos.append(Video(name, str(clip), label.word))
    return _with_free_ids(videos)


def table(path: Path, folder: Path, columns: dict[str, str], labels: dict[str, str]) -> list[Video]:
    """A table of your own, TSV or CSV with a header. Columns have the manifest's names or are
    renamed by `--columns`; all others are left out. A missing `video_id` is derived from the path.

    Parameters
    ----------
    path : Path
        UTF-8; separated by tabs, semicolons or commas, whichever its header has.
    folder : Path
        Where relative paths start.
    columns : dict
        From a manifest column to the table's name of it, where they differ.
    labels : dict
        What the table writes for `real` and for `fake`, where it differs; case does not matter.
    """
    words = {labels.get(label.word, label.word).lower(): label.word for label in Label}
    if not labels.keys() <= set(words.values()) or len(words) < len(Label):
        given = " ".join(f"{name}={word}" for name, word in labels.items())
        raise UserError(
            f"--labels {given}: two words are needed, one for real and one for fake: "
            "--labels real=WORD fake=WORD."
        )
    names = {field.name: columns.get(field.name, field.name) for field in fields(Video)}
    header, rows = _read_rows(path)
    for name, column in columns.items():
        if name not in names or column not in header:
            raise UserError(
                f"--columns {name}={column}: the manifest knows {', '.join(names)}, and {path} has "
                f"{', '.join(header)}."
            )
    videos = []
    for line, row in rows:
        cells = {name: (row.get(column) or "").strip() for name, column in names.items()}
        if not cells["path"]:
            raise UserError(
                f"{path}, line {line}: no path. Name its column: --columns path=COLUMN."
            )
        word = cells["label"].lower()
        if word not in words:
            raise UserError(
                f"{path}, line {line}: the label {cells['label']!r} is neither of "
                f"{' and '.join(words)}. Name column and words: --columns label=COLUMN "
                "--labels real=WORD fake=WORD."
            )
        cells |= {"path": str(folder / cells["path"]), "label": words[word]}
        videos.append(Video(**cells))
    if not videos:
        raise UserError(f"{path} has no rows. Needed are a header, and a row for each video.")
    if any(video.video_id for video in videos):
        return videos
    return _with_free_ids(replace(v, video_id=_id_of(Path(v.path).stem)) for v in videos)


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            header = lines.readline()
            lines.seek(0)
            separator = next((s for s in "\t;," if s in header), ",")
            reader = csv.DictReader(lines, delimiter=separator)
            return list(reader.fieldnames or []), [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read ({error}). Save it as UTF-8 TSV or CSV.") from error


LAYOUTS: dict[str, Callable[..., list[Video]]] = {
    "faceforensics": faceforensics,
    "deepfakedetection": deepfakedetection,
    "celebdf": celebdf,
    "dfdc": dfdc,
    "folders": folders,
    "table": table,
}


def _clips(folder: Path, hint: str) -> list[Path]:
    clips = sorted(path for path in folder.glob("*") if _is_clip(path, {".mp4"}))
    if not clips:
        raise UserError(f"No .mp4 in {folder}. {hint}")
    return clips


def videos_below(folder: Path) -> list[Path]:
    """The files of a folder, at any depth, that are called a video; linked folders count, hidden
    ones (`.Trash-1000`) don't."""
    return sorted(path for path in _files_below(folder, ()) if _is_clip(path, SUFFIXES))


def warn_of_others_below(folder: Path) -> None:
    """Count in the log, by suffix, what `videos_below` leaves out."""
    others = Counter(
        path.suffix.lower() or "without a suffix"
        for path in _files_below(folder, ())
        if not _is_clip(path, SUFFIXES)
    )
    if others:
        counted = ", ".join(f"{number} {suffix}" for suffix, number in sorted(others.items()))
        logging.warning("%s: left out are files that are not called a video: %s", folder, counted)


def _files_below(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """All files that are not hidden; `above` are the real places of the folders that lead here, so
    that a link back up ends."""
    place = folder.resolve()
    if place in above:
        return
    try:
        paths = list(folder.iterdir())
    except PermissionError as error:
        raise UserError(
            f"The folder {folder} can't be read ({error.strerror}). Let this user read and enter "
            "it, or move it out of the folder of videos."
        ) from error
    for path in paths:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files_below(path, (*above, place))
        else:
            yield path


def _is_clip(path: Path, suffixes: set[str]) -> bool:
    """Whether a path is called a video and is no folder; "._a.mp4" is what macOS leaves beside
    a.mp4 on foreign disks."""
    hidden = path.name.startswith(".")
    return path.suffix.lower() in suffixes and not hidden and not path.is_dir()


def _match(pattern: str, clip: Path, scheme: str) -> tuple[str, ...]:
    match = re.fullmatch(pattern, clip.stem, re.ASCII)
    if not match:
        raise UserError(f"{clip} is not named {scheme}. Rename it or move it elsewhere.")
    return match.groups()


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}). Fetch it again.") from error


def _id_of(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:MAX_ID]


def _with_free_ids(videos: Iterable[Video]) -> list[Video]:
    """The videos with a number behind each id that was given before: "a b.mp4" and "a+b.mp4" would
    get the same one; so would "a.mp4" and "A.mp4" where case does not tell files apart."""
    taken: set[str] = set()
    free = []
    for video in videos:
        video_id = _free_id(video.video_id, taken)
        taken.add(video_id.lower())
        free.append(replace(video, video_id=video_id))
    return free


def _free_id(wanted: str, taken: set[str]) -> str:
    wanted = wanted or "video"
    number, free = 1, wanted
    while free.lower() in taken:
        number += 1
        free = f"{wanted[: MAX_ID - len(str(number)) - 1]}-{number}"
    return free

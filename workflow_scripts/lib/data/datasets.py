"""Data set layouts: where each data set keeps its videos, and what the file names encode.

Each layout is a function that returns manifest rows. `target` and `source` are filled only where
the data set names the people. Elsewhere they stay empty, and the run reports that it cannot rule
out an identity leak.
"""

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

ORIGINAL = "original"
SUFFIXES = {  # of the containers that the decoder reads
    *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mk3d"),
    *(".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt"),
    *(".ts", ".vob", ".webm", ".wmv"),
}
MAX_ID_LENGTH = 64
SPLIT_FILES = {"train.json": "train", "val.json": "validation", "test.json": "test"}


class Method(StrEnum):
    """The manipulation methods of FaceForensics++, named like its folders."""

    DEEPFAKES = "Deepfakes"
    FACE2FACE = "Face2Face"
    FACESWAP = "FaceSwap"
    NEURALTEXTURES = "NeuralTextures"
    FACESHIFTER = "FaceShifter"


class Compression(StrEnum):
    """The compression levels of FaceForensics++ and DeepFakeDetection."""

    RAW = "raw"
    C23 = "c23"
    C40 = "c40"


def faceforensics(folder: Path, methods: Sequence[str], compressions: Sequence[str]) -> list[Video]:
    """FaceForensics++, in its original folder structure. Fakes are named `target_source`, so every
    identity is known."""
    hint = "Check the folder, or choose others with --methods and --compressions."
    return [
        _faceforensics_video(clip, method, compression)
        for compression in dict.fromkeys(compressions)
        for method in dict.fromkeys((ORIGINAL, *methods))
        for clip in _list_clips(folder / faceforensics_path(method, compression), hint)
    ]


def faceforensics_path(method: str, compression: str) -> Path:
    """The folder of a method's videos (or of `original`), on disk and on the server."""
    parts = ("manipulated_sequences", method)
    if method == ORIGINAL:
        parts = ("original_sequences", "youtube")
    return Path(*parts, compression, "videos")


def faceforensics_videos(
    pairs: Sequence[tuple[str, str]],
    folder: Path,
    methods: Sequence[str],
    compressions: Sequence[str],
    max_videos: int | None,
) -> list[Video]:
    """The FaceForensics++ videos of the server's list of identity `pairs`, with the paths they
    will have in `folder`: the first `max_videos` of the originals and of each method."""
    originals = list(chain(*pairs))
    fakes = [name for one, other in pairs for name in (f"{one}_{other}", f"{other}_{one}")]
    return [
        _faceforensics_video(
            folder / faceforensics_path(method, compression) / f"{name}.mp4", method, compression
        )
        for compression in compressions
        for method in (ORIGINAL, *methods)
        for name in (originals if method == ORIGINAL else fakes)[:max_videos]
    ]


def _faceforensics_video(clip: Path, method: str, compression: str) -> Video:
    name_format = (r"(\d{3})_(\d{3})", "TTT_SSS.mp4 (target, source)")
    if method == ORIGINAL:
        name_format = (r"(\d{3})", "NNN.mp4")
    columns = {"dataset": "faceforensics", "method": method, "compression": compression}
    return _parse_clip(clip, f"{method}_{compression}", *name_format, **columns)


def _parse_clip(
    clip: Path, prefix: str, pattern: str, example: str, method: str, **columns: str
) -> Video:
    """A manifest row whose people come from the file name: the groups of `pattern` are the target
    and, for a fake made by `method`, the source."""
    match = re.fullmatch(pattern, clip.stem, re.ASCII)
    if not match:
        raise UserError(f"{clip} does not match {example}. Rename the file or move it elsewhere.")
    target, source = (*match.groups(), "", "")[:2]
    return Video(
        video_id=_to_id(f"{prefix}_{clip.stem}"),
        path=str(clip),
        label=(Label.FAKE if source else Label.REAL).word,
        target=target,
        source=source,
        method=method if source else ORIGINAL,
        **columns,
    )


def add_official_splits(videos: Iterable[Video], folder: Path) -> list[Video]:
    """FaceForensics++ videos with `split` filled from `train.json`, `val.json` and `test.json`,
    which list pairs of identities. `split` stays empty for people in none of them.

    Raises a UserError if a file is missing or not a list of pairs, a person is in two splits, or
    the people of a fake are in different splits.
    """
    split_of: dict[str, str] = {}
    for name, split in SPLIT_FILES.items():
        path = folder / name
        for person in chain(*parse_pairs(_read_text(path), str(path))):
            if split_of.setdefault(person, split) != split:
                raise UserError(f"{path}: {person} is in {split_of[person]} already.")
    return [replace(video, split=_official_split(video, split_of)) for video in videos]


def _official_split(video: Video, split_of: dict[str, str]) -> str:
    splits = {name: split_of.get(name, "") for name in (video.target, video.source) if name}
    if len(set(splits.values())) > 1:
        listed = " and ".join(f"{name} in {split or 'no list'}" for name, split in splits.items())
        raise UserError(
            f"{video.path} shows two people, and the split files have {listed}. Check that they "
            "belong to this data set."
        )
    return next(iter(splits.values()))


def parse_pairs(text: str, origin: str) -> list[tuple[str, str]]:
    """Parse a list of pairs of FaceForensics++ identities, such as `[["071", "054"]]`.

    Raises a UserError, which names the `origin` of the text, for anything else.
    """
    pairs = _parse_json(text)
    if not isinstance(pairs, list) or not all(map(_is_pair, pairs)):
        raise UserError(
            f'{origin} is not a list of pairs such as [["071", "054"]]. Download it again.'
        )
    return [(one, other) for one, other in pairs]


def _is_pair(pair: Any) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(name, str) and re.fullmatch(r"[0-9]{3}", name) for name in pair)
    )


def deepfakedetection(folder: Path, compressions: Sequence[str]) -> list[Video]:
    """DeepFakeDetection, recorded with actors. Expects the original folder structure. File names
    start with the actor, or with target and source, so every identity is known."""
    hint = "Check the folder, or choose others with --compressions."
    fake = "DeepFakeDetection"
    sources = {
        "actors": ("original_sequences/actors", r"(\d\d)__.+", "NN__scene.mp4"),
        "DFD": (
            f"manipulated_sequences/{fake}",
            r"(\d\d)_(\d\d)__.+",
            "TT_SS__scene__CODE.mp4 (target, source)",
        ),
    }
    videos = []
    for compression in dict.fromkeys(compressions):
        columns = {"dataset": "deepfakedetection", "method": fake, "compression": compression}
        for name, (root, pattern, example) in sources.items():
            for clip in _list_clips(folder / root / compression / "videos", hint):
                prefix = f"{name}_{compression}"
                videos.append(_parse_clip(clip, prefix, pattern, example, **columns))
    return _with_unique_ids(videos)


def celebdf(folder: Path) -> list[Video]:
    """Celeb-DF, version 1 or 2. Expects the original folder structure. Celebrities are known from
    the file names (`idTARGET_idSOURCE_NNNN`), people in `YouTube-real` are not. `split` is `test`
    for videos in `List_of_testing_videos.txt` and `train` for the rest; without that file it is
    empty."""
    sources = {
        "Celeb-real": (r"(id\d+)_\d+", "id0_0000.mp4"),
        "YouTube-real": (r"\d+", "00000.mp4"),
        "Celeb-synthesis": (r"(id\d+)_(id\d+)_\d+", "id0_id1_0000.mp4"),
    }
    test_list = _read_test_list(folder / "List_of_testing_videos.txt", sources)
    videos = []
    files = set()
    for name, (pattern, example) in sources.items():
        for clip in _list_clips(folder / name, "Check the folder."):
            files.add(file := f"{name}/{clip.name}")
            split = ("test" if file in test_list else "train") if test_list else ""
            columns = {"dataset": "celebdf", "method": name, "split": split}
            videos.append(_parse_clip(clip, name, pattern, example, **columns))
    _log_skipped(test_list - files, "in the test list are not on disk")
    return _with_unique_ids(videos)


def _read_test_list(path: Path, folders: Iterable[str]) -> set[str]:
    """Read Celeb-DF's list of test videos, with lines such as "1 YouTube-real/00170.mp4"."""
    if not path.exists():
        return set()
    files = {line.split()[-1] for line in _read_text(path).splitlines() if line.strip()}
    for file in sorted(files):
        if file.split("/")[0] not in folders:
            raise UserError(f"{path} lists {file!r}, which is in none of {', '.join(folders)}.")
    if not files:
        logging.warning("%s lists no videos, so the column split stays empty", path)
    return files


def dfdc(folder: Path) -> list[Video]:
    """DFDC. Reads `label`, `original` and `split` from every `metadata.json`, at any depth. The
    people are unknown; a fake and its original share one `recording`. Files that are listed but not
    on disk, or on disk but not listed, are counted and left out."""
    paths = sorted(folder.rglob("metadata.json"))
    if not paths:
        raise UserError(f"No metadata.json in {folder} or below. Check the folder.")
    videos = []
    for path in paths:
        entries = _parse_json(_read_text(path))
        if not isinstance(entries, dict):
            raise UserError(f"{path} does not describe videos by name. Download it again.")
        videos += [_dfdc_video(path, name, entries[name]) for name in sorted(entries)]
    on_disk = [video for video in videos if Path(video.path).is_file()]
    if not on_disk:
        raise UserError(f"None of the {len(videos)} videos that DFDC lists is in {folder}.")
    listed = {video.path for video in videos}
    _log_skipped(listed - {video.path for video in on_disk}, "in metadata.json are not on disk")
    unlisted = set(map(str, list_video_files(folder, log_others=False))) - listed
    _log_skipped(unlisted, "are in no metadata.json")
    return _with_unique_ids(on_disk)


def _dfdc_video(path: Path, name: str, entry: Any) -> Video:
    match entry:
        case {"label": "REAL" | "FAKE" as label} if (
            isinstance(original := entry.get("original") or name, str) and Path(name).name == name
        ):
            split = entry.get("split")
            return Video(
                video_id=_to_id(Path(name).stem),
                path=str(path.parent / name),
                label=label.lower(),
                recording=Path(original).stem,
                dataset="dfdc",
                method=ORIGINAL if label == "REAL" else "dfdc",
                split=split if split in SPLIT_FILES.values() else "",
            )
    raise UserError(
        f"{path}, {name!r}: an entry needs a file name, the label REAL or FAKE and, for a fake, "
        "the name of its original."
    )


def _log_skipped(paths: set[str], reason: str) -> None:
    if paths:
        logging.warning("%d videos %s, for example %s", len(paths), reason, min(paths))


def folders(folder: Path) -> list[Video]:
    """Two folders of videos, `real/` and `fake/`. Videos may be at any depth. The people are
    unknown: fill in the column `group` if you know them."""
    videos = []
    for label in Label:
        root = folder / label.word
        clips = list_video_files(root) if root.is_dir() else []
        if not clips:
            raise UserError(
                f"No videos in {root}. Supported file types: {', '.join(sorted(SUFFIXES))}."
            )
        videos += [
            Video(_to_id(str(clip.relative_to(folder).with_suffix(""))), str(clip), label.word)
            for clip in clips
        ]
    return _with_unique_ids(videos)


def table(path: Path, folder: Path, columns: dict[str, str], labels: dict[str, str]) -> list[Video]:
    """Your own table, TSV or CSV with a header. Columns keep their names unless `--columns` renames
    them; those unknown to the manifest are ignored. Without a column `video_id`, ids come from the
    paths.

    The table is UTF-8, separated by tabs, semicolons or commas, and its relative paths start in
    `folder`. `columns` maps columns of the manifest to the table's, `labels` maps `real` and `fake`
    to the table's words (ignoring case), where they differ.
    """
    label_of = {labels.get(label.word, label.word).lower(): label.word for label in Label}
    if not labels.keys() <= set(label_of.values()) or len(label_of) < len(Label):
        given = " ".join(f"{name}={word}" for name, word in labels.items())
        raise UserError(
            f"--labels {given}: two different words are needed, one for real and one for fake: "
            "--labels real=WORD fake=WORD."
        )
    names = {field.name: columns.get(field.name, field.name) for field in fields(Video)}
    header, rows = _read_rows(path)
    for name, column in columns.items():
        if name not in names or column not in header:
            raise UserError(
                f"--columns {name}={column}: the manifest's columns are {', '.join(names)}, those "
                f"of {path} are {', '.join(header)}."
            )
    videos = []
    for line, row in rows:
        cells = {name: (row.get(column) or "").strip() for name, column in names.items()}
        if not cells["path"]:
            raise UserError(
                f"{path}, line {line}: no path. Name its column: --columns path=COLUMN."
            )
        if cells["label"].lower() not in label_of:
            raise UserError(
                f"{path}, line {line}: the label {cells['label']!r} is neither of "
                f"{' and '.join(label_of)}. Name column and words: --columns label=COLUMN "
                "--labels real=WORD fake=WORD."
            )
        cells["path"] = str(folder / cells["path"])
        cells["label"] = label_of[cells["label"].lower()]
        videos.append(Video(**cells))
    if not videos:
        raise UserError(f"{path} has no rows. Add a header and one row per video.")
    if any(video.video_id for video in videos):
        return videos
    return _with_unique_ids(replace(v, video_id=_to_id(Path(v.path).stem)) for v in videos)


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header and numbered rows of a table."""
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
    layout.__name__: layout
    for layout in (faceforensics, deepfakedetection, celebdf, dfdc, folders, table)
}


def _list_clips(folder: Path, hint: str) -> list[Path]:
    clips = sorted(path for path in folder.glob("*") if _is_video_file(path, {".mp4"}))
    if not clips:
        raise UserError(f"No .mp4 files in {folder}. {hint}")
    return clips


def list_video_files(folder: Path, log_others: bool = True) -> list[Path]:
    """The files in a folder, at any depth, with a suffix of `SUFFIXES`; logs how many have others.
    Symbolic links are followed, hidden files and folders (`.Trash-1000`) skipped."""
    paths = sorted(_walk(folder))
    count = Counter(p.suffix.lower() or "without a suffix" for p in paths if not _is_video_file(p))
    if count and log_others:
        others = ", ".join(f"{number} {suffix}" for suffix, number in sorted(count.items()))
        logging.warning("%s: skipped files without a video suffix: %s", folder, others)
    return [path for path in paths if _is_video_file(path)]


def _walk(folder: Path, parents: tuple[Path, ...] = ()) -> Iterator[Path]:
    """All visible files. `parents` are the resolved folders above: a link to one is not entered."""
    resolved = folder.resolve()
    if resolved in parents:
        return
    try:
        paths = list(folder.iterdir())
    except PermissionError as error:
        raise UserError(
            f"The folder {folder} cannot be read ({error.strerror}). Allow this user to read and "
            "enter it, or move it out of the folder of videos."
        ) from error
    for path in paths:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, (*parents, resolved))
        else:
            yield path


def _is_video_file(path: Path, suffixes: set[str] = SUFFIXES) -> bool:
    """Whether a path has a video suffix and is neither hidden ("._a.mp4" is metadata that macOS
    writes next to a.mp4) nor a folder."""
    hidden = path.name.startswith(".")
    return path.suffix.lower() in suffixes and not hidden and not path.is_dir()


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}). Download it again.") from error


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _to_id(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:MAX_ID_LENGTH]


def _with_unique_ids(videos: Iterable[Video]) -> list[Video]:
    """The videos with a number appended to each id that is taken, ignoring case: "a b.mp4" and
    "a+b.mp4" would get the same id, and on some disks "a" and "A" are the same file name."""
    unique: dict[str, Video] = {}
    for video in videos:
        base = video_id = video.video_id or "video"
        number = 1
        while video_id.lower() in unique:
            number += 1
            video_id = f"{base[: MAX_ID_LENGTH - len(str(number)) - 1]}-{number}"
        unique[video_id.lower()] = replace(video, video_id=video_id)
    return list(unique.values())

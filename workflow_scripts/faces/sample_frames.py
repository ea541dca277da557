"""Sample the frames of one video, or copy its face crops from the cache."""

import logging
import shutil
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.code_files import ROOT, content_digest, library_modules
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.common.files import stamp as file_stamp
from workflow_scripts.lib.faces.cache import entry_key, entry_path, is_intact
from workflow_scripts.lib.faces.finished import MadeFrom, has_faces, write_made_from
from workflow_scripts.lib.faces.frames import load_frames
from workflow_scripts.lib.faces.video import sample_to_file

REMEDY = "raise sampling.max_seconds or sampling.max_memory_mb"
FACE_SCRIPTS = ("faces/sample_frames", "faces/export_detector", "faces/crop_faces")


def main(
    path: Path,
    stamp: str,
    attempt: int,
    sampling: dict[str, Any],
    max_seconds: int,
    max_memory_mb: int,
    detector: dict[str, Any],
    faces: dict[str, Any],
    face_cache: Path | None,
    finished: Path,
    frames: Path,
) -> None:
    """Write the sampled frames of the video `path`, and any problem with it, to `frames`.

    If the folder `face_cache` has the video's crops, `frames` becomes a copy of the cache entry,
    which `crop_faces` unpacks. `sampling`, `detector` and `faces` are the config sections that
    crops depend on; `stamp`, `attempt` and the limits are recorded in `frames`.

    Raises
    ------
    UserError
        The video can't be read, and sampling it would replace its `finished` faces
        (`faces/{video}.json`).
    """
    readable = bool(file_stamp(path))
    if not readable and has_faces(finished):
        raise UserError(
            f"{str(path)!r} is not there, or can't be read, on this machine. Its finished faces "
            f"({finished}) stay. Mount its disk here, or take the video out of the manifest."
        )
    limits = {"max_seconds": max_seconds, "max_memory_mb": max_memory_mb}
    entry = None
    if face_cache and readable:
        settings = {"sampling": sampling, "detector": detector, "faces": faces}
        entry = entry_path(face_cache, _cache_key(path, settings))
    if entry and is_intact(entry):
        logging.info("%s: its faces are in the cache (%s)", path, entry)
        with atomic_write(frames) as temporary:
            shutil.copyfile(entry, temporary)
    else:
        count, key = sampling["frames"], entry.stem if entry else ""
        stride = sampling["stride"]
        sample_to_file(path, frames, count, stride, max_seconds, max_memory_mb, REMEDY, key)
        sampled = load_frames(frames)
        result = f"{sampled.status}, {len(sampled.frames)} of {count} frames."
        logging.info("%s: %s %s%s", path, result, sampled.detail, sampled.note)
    write_made_from(frames, MadeFrom(stamp, attempt, limits))


def _cache_key(video: Path, settings: dict[str, Any]) -> str:
    scripts = [f"workflow_scripts/{name}.py" for name in FACE_SCRIPTS]
    modules = {module for name in FACE_SCRIPTS for module in library_modules(name)}
    return entry_key(video, settings, content_digest(ROOT / path for path in (*scripts, *modules)))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Take the wanted frames out of one video, or its faces out of the cache."""

import logging
import shutil
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.code_files import ROOT, content_digest, library_modules
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.common.files import stamp as file_stamp
from workflow_scripts.lib.faces.cache import entry_key, entry_path, is_whole
from workflow_scripts.lib.faces.finished import MadeFrom, add_note, has_faces
from workflow_scripts.lib.faces.frames import load_frames
from workflow_scripts.lib.faces.video import sample_to_file

REMEDY = "raise sampling.max_seconds or sampling.max_memory_mb"
# the scripts that make faces
MAKERS = ("faces/sample_frames", "faces/export_detector", "faces/crop_faces")


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
    """Write the sampled frames of the video `path`, and what was wrong with it if anything, to
    `frames`.

    Where the folder `face_cache` holds the video's faces already, `frames` becomes a copy of that
    entry for `crop_faces` to unpack. `sampling`, `detector` and `faces` are what faces depend on of
    the config; `stamp`, `attempt` and the limits are noted in `frames`.

    Raises
    ------
    UserError
        The video is not there, and its `finished` faces (`faces/{video}.json`) would be replaced.
    """
    there = bool(file_stamp(path))
    if not there and has_faces(finished):
        raise UserError(
            f"{str(path)!r} is not there, or can't be read, on this machine. Its finished faces "
            f"({finished}) stay. Mount its disk here, or take the video out of the manifest."
        )
    settings = {"sampling": sampling, "detector": detector, "faces": faces}
    key = _cache_key(path, settings) if face_cache and there else ""
    entry = entry_path(face_cache, key) if face_cache and key else None
    if entry and is_whole(entry):
        logging.info("%s: its faces are in the cache (%s)", path, entry)
        with atomic_write(frames) as aside:
            shutil.copyfile(entry, aside)
    else:
        sample_to_file(
            path,
            frames,
            sampling["frames"],
            sampling["stride"],
            max_seconds,
            max_memory_mb,
            REMEDY,
            key,
        )
        sampled = load_frames(frames)
        logging.info(
            "%s: %s, %d of %d frames. %s%s",
            path,
            sampled.status,
            len(sampled.frames),
            sampling["frames"],
            sampled.detail,
            sampled.note,
        )
    limits = {"max_seconds": max_seconds, "max_memory_mb": max_memory_mb}
    add_note(frames, MadeFrom(stamp, attempt, limits))


def _cache_key(video: Path, settings: dict[str, Any]) -> str:
    scripts = [f"workflow_scripts/{name}.py" for name in MAKERS]
    modules = {module for name in MAKERS for module in library_modules(name)}
    code = content_digest(ROOT / path for path in (*scripts, *modules))
    return entry_key(video, settings, code)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

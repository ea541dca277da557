"""Take the wanted frames out of one video, or its faces out of the cache."""

import logging
import shutil
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.code_files import content_digest, library_modules
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import atomic_write, stamp
from workflow_scripts.lib.faces.cache import entry_key, entry_path, is_whole
from workflow_scripts.lib.faces.finished import LIMITS, MadeFrom, add_note, has_faces
from workflow_scripts.lib.faces.frames import load_frames
from workflow_scripts.lib.faces.video import sample_to_file

REMEDY = "raise sampling.max_seconds or sampling.max_memory_mb"
# the scripts that make faces
MAKERS = ("faces/sample_frames", "faces/export_detector", "faces/crop_faces")


def main(
    video: Path,
    frames: int,
    every: int,
    made: MadeFrom,
    cache: Path | None,
    settings: dict[str, Any],
    finished: Path,
    output: Path,
) -> None:
    """Write the sampled frames, and what was wrong with the video if anything, to `output`.

    Where the folder `cache` holds the video's faces already, `output` becomes a copy of that entry
    for `crop_faces` to unpack. `settings` are what faces depend on of the config. `made` goes into
    `output`; decoding may take its limits.

    Raises
    ------
    UserError
        The video is not there, and its `finished` faces (`faces/{video}.json`) would be replaced.
    """
    if not stamp(video) and has_faces(finished):
        raise UserError(
            f"{str(video)!r} is not there, or can't be read, on this machine. Its finished faces "
            f"({finished}) stay. Mount its disk here, or take the video out of the manifest."
        )
    key = _cache_key(video, settings) if cache and stamp(video) else ""
    entry = entry_path(cache, key) if cache and key else None
    if entry and is_whole(entry):
        logging.info("%s: its faces are in the cache (%s)", video, entry)
        with atomic_write(output) as aside:
            shutil.copyfile(entry, aside)
    else:
        max_seconds, max_memory_mb = (made.limits[name] for name in LIMITS)
        sample_to_file(video, output, frames, every, max_seconds, max_memory_mb, REMEDY, key)
        sampled = load_frames(output)
        logging.info(
            "%s: %s, %d of %d frames. %s%s",
            video,
            sampled.status,
            len(sampled.frames),
            frames,
            sampled.detail,
            sampled.note,
        )
    add_note(output, made)


def _cache_key(video: Path, settings: dict[str, Any]) -> str:
    scripts = [f"workflow_scripts/{name}.py" for name in MAKERS]
    modules = {module for name in MAKERS for module in library_modules(name)}
    return entry_key(video, settings, content_digest([*scripts, *modules]))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            video=Path(snakemake.params.path),
            # from the config: a cache that is switched on changes no result
            cache=snakemake.config["face_cache"] and Path(snakemake.config["face_cache"]),
            # so are the limits: `attempt` changes where one stopped a video and is larger now
            made=MadeFrom(
                snakemake.params.stamp,
                snakemake.params.attempt,
                {name: snakemake.config["sampling"][name] for name in LIMITS},
            ),
            settings={
                "sampling": snakemake.params.sampling,
                **{name: snakemake.config[name] for name in ("detector", "faces")},
            },
            finished=Path(snakemake.params.finished),
            output=Path(snakemake.output[0]),
            **snakemake.params.sampling,
        )

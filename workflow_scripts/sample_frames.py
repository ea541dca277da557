"""Take the wanted frames out of one video, or its faces out of the cache."""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from workflow_scripts.lib.cache import entry_key, entry_path, is_whole
from workflow_scripts.lib.dependencies import library_modules
from workflow_scripts.lib.run import written_aside
from workflow_scripts.lib.video import load_frames, sample_to_file

REMEDY = "raise sampling.max_seconds or sampling.max_memory_mb"
MAKERS = ("sample_frames", "export_detector", "crop_faces")  # the scripts that make faces


def main(
    video: Path,
    frames: int,
    every: int,
    max_seconds: int,
    max_memory_mb: int,
    cache: Path | None,
    settings: dict[str, Any],
    output: Path,
) -> None:
    """Write the sampled frames, and what was wrong with the video if anything, to `output`.

    Where the folder `cache` holds the video's faces already, `output` becomes a copy of that entry
    for `crop_faces` to unpack. `settings` are the sections of the config that faces depend on.
    """
    key = ""
    if cache and video.is_file() and os.access(video, os.R_OK):
        scripts = [f"workflow_scripts/{name}.py" for name in MAKERS]
        modules = {module for name in MAKERS for module in library_modules(name)}
        key = entry_key(video, settings, [Path(path) for path in (*scripts, *modules)])
        entry = entry_path(cache, key)
        if is_whole(entry):
            logging.info("%s: its faces are in the cache (%s)", video, entry)
            with written_aside(output) as aside:
                shutil.copyfile(entry, aside)
            return
    sample_to_file(video, output, frames, every, max_seconds, max_memory_mb, REMEDY, key)
    sampled = load_frames(output)
    logging.info(
        "%s: %s, %d of %d frames. %s",
        video,
        sampled.status,
        len(sampled.frames),
        frames,
        sampled.detail,
    )


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            video=Path(snakemake.params.path),
            # from the config: a cache that is switched on changes no result
            cache=snakemake.config["face_cache"] and Path(snakemake.config["face_cache"]),
            settings={name: snakemake.config[name] for name in ("sampling", "detector", "faces")},
            output=Path(snakemake.output[0]),
            **snakemake.params.sampling,
        )

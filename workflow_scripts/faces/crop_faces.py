"""Find, choose and cut the face in each sampled frame of one video."""

import json
import logging
from pathlib import Path
from typing import Any

from PIL import Image

from workflow_scripts.lib.common.files import atomic_write, write_jpeg, write_json
from workflow_scripts.lib.faces.cache import add_entry, entry_path, is_entry, read_entry
from workflow_scripts.lib.faces.crops import draw_strip, find_faces, save_faces, status_of
from workflow_scripts.lib.faces.finished import MADE_FROM, read_note
from workflow_scripts.lib.faces.frames import load_cache_key, load_frames
from workflow_scripts.lib.faces.mtcnn import make_detector
from workflow_scripts.lib.faces.status import VideoStatus


def main(
    frames: Path,
    video: str,
    networks: list[Path],
    detector: dict[str, Any],
    faces: dict[str, Any],
    threads: int,
    face_cache: Path | None,
    crops: Path,
    status: Path,
    strip: Path,
) -> None:
    """Write crops (`.npz`), status (`.json`) and a picture of what was found (`.jpg`).

    `detector` and `faces` are the sections of the configuration; the TensorFlow backend has no
    `networks`. What is made goes into the folder `face_cache` too; where `frames` is an entry of
    it, nothing is made.
    """
    if is_entry(frames):
        entry = read_entry(frames)
        for name, path in (("crops", crops), ("strip", strip)):
            with atomic_write(path) as aside:
                aside.write_bytes(entry[name])
        content = json.loads(entry["status"])
        logging.info("%s: taken from the cache", video)
    else:
        sampled = load_frames(frames)
        folder = networks[0].parent if networks else None
        mtcnn = make_detector(model_folder=folder, threads=threads, **detector)
        results, found = find_faces(sampled.frames, mtcnn, **faces)
        content = status_of(sampled, results)
        save_faces(crops, found, faces["size"])
        write_jpeg(strip, Image.fromarray(draw_strip(sampled.frames, results, found)))
        # what is wrong with a video is told with its path, which another run's video doesn't have
        if face_cache and sampled.status is VideoStatus.OK and (key := load_cache_key(frames)):
            made = {"crops": crops.read_bytes(), "strip": strip.read_bytes()}
            add_entry(entry_path(face_cache, key), {**made, "status": json.dumps(content).encode()})
    write_json(status, {"video_id": video, **content, MADE_FROM: read_note(frames)})
    logging.info(
        "%s: %d of %d frames gave a face", video, content["crops"], content["frames_sampled"]
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Find, select and crop the face in each sampled frame of one video."""

import json
import logging
from pathlib import Path
from typing import Any

from PIL import Image

from workflow_scripts.lib.common.files import atomic_write, write_jpeg, write_json
from workflow_scripts.lib.faces.cache import entry_path, read_entry, write_entry
from workflow_scripts.lib.faces.crops import draw_strip, find_faces, save_faces, status_record
from workflow_scripts.lib.faces.finished import MADE_FROM, read_made_from
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
    """Write crops (`.npz`), status (`.json`) and a picture of frames and crops (`.jpg`).

    `detector` and `faces` are the config sections; the TensorFlow backend has no `networks`. The
    results are added to the folder `face_cache`; if `frames` is an entry of it, they are taken from
    there.
    """
    if entry := read_entry(frames):
        for name, path in (("crops", crops), ("strip", strip)):
            with atomic_write(path) as temporary:
                temporary.write_bytes(entry[name])
        record = json.loads(entry["status"])
        logging.info("%s: taken from the cache", video)
    else:
        sampled = load_frames(frames)
        folder = networks[0].parent if networks else None
        mtcnn = make_detector(model_folder=folder, threads=threads, **detector)
        results, face_crops = find_faces(sampled.frames, mtcnn, **faces)
        record = status_record(sampled, results)
        save_faces(crops, face_crops, faces["size"])
        write_jpeg(strip, Image.fromarray(draw_strip(sampled.frames, results, face_crops)))
        # messages on problems contain the video's path, which differs between runs: don't cache
        if face_cache and sampled.status is VideoStatus.OK and (key := load_cache_key(frames)):
            files = {"crops": crops.read_bytes(), "strip": strip.read_bytes()}
            files["status"] = json.dumps(record).encode()
            write_entry(entry_path(face_cache, key), files)
    write_json(status, {"video_id": video, **record, MADE_FROM: read_made_from(frames)})
    logging.info(
        "%s: %d of %d frames gave a face", video, record["crops"], record["frames_sampled"]
    )


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

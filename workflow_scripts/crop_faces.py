"""Find, choose and cut the face in each sampled frame of one video."""

import logging
from pathlib import Path
from typing import Any

from PIL import Image

from workflow_scripts.lib.detector import make_detector
from workflow_scripts.lib.faces import draw_strip, find_faces, save_faces, write_status
from workflow_scripts.lib.run import written_aside
from workflow_scripts.lib.video import load_frames


def main(
    frames: Path,
    video_id: str,
    models: Path,
    detector: dict[str, Any],
    faces: dict[str, Any],
    threads: int,
    crops: Path,
    status: Path,
    strip: Path,
) -> None:
    """Write crops (`.npz`), status (`.json`) and a picture of what was found (`.jpg`).

    `detector` and `faces` are the sections of the configuration.
    """
    sampled = load_frames(frames)
    mtcnn = make_detector(model_folder=models, threads=threads, **detector)
    results, found = find_faces(sampled.frames, mtcnn, **faces)
    logging.info("%s: %d of %d frames gave a face", video_id, len(found), len(sampled.frames))
    save_faces(crops, found, faces["size"])
    write_status(status, video_id, sampled, results)
    with written_aside(strip) as aside:
        picture = Image.fromarray(draw_strip(sampled.frames, results, found))
        picture.save(aside, format="JPEG", quality=88)


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            frames=Path(snakemake.input.frames),
            video_id=snakemake.wildcards.video,
            threads=snakemake.threads,
            crops=Path(snakemake.output.crops),
            status=Path(snakemake.output.status),
            strip=Path(snakemake.output.strip),
            models=Path(snakemake.params.models),
            detector=snakemake.params.detector,
            faces=snakemake.params.faces,
        )

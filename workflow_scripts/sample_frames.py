"""Take the wanted frames out of one video."""

import logging
from pathlib import Path

from workflow_scripts.lib.video import load_frames, sample_to_file


def main(
    video: Path, frames: int, every: int, max_seconds: int, max_memory_mb: int, output: Path
) -> None:
    """Write the sampled frames, and what was wrong with the video if anything, to `output`."""
    sample_to_file(video, output, frames, every, max_seconds, max_memory_mb)
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
            output=Path(snakemake.output[0]),
            **snakemake.params.sampling,
        )

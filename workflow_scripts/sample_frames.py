"""Take the wanted frames out of one video."""

import logging
from pathlib import Path

from workflow_scripts.lib.video import sample_frames, save_frames


def main(video: Path, frames: int, every: int, output: Path) -> None:
    """Write the sampled frames, and what was wrong with the video if anything, to `output`."""
    sampled = sample_frames(video, count=frames, step=every)
    logging.info(
        "%s: %s, %d of %d frames. %s",
        video,
        sampled.status,
        len(sampled.frames),
        frames,
        sampled.detail,
    )
    save_frames(output, sampled)


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            video=Path(snakemake.params.path),
            output=Path(snakemake.output[0]),
            **snakemake.params.sampling,
        )

"""Make one clip of the demo."""

from pathlib import Path

from workflow_scripts.lib.data import demo


def main(video_id: str, output: Path) -> None:
    """Encode the demo's clip `video_id` to `output`."""
    demo.write_clip(video_id, output)


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(snakemake.wildcards.video, Path(snakemake.output[0]))

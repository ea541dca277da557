"""Make one clip of the demo."""

from pathlib import Path

from workflow_scripts.lib.data import demo


def main(video: str, clip: Path) -> None:
    """Write the clip with the id `video`."""
    demo.write_clip(video, clip)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Judge one of many videos. Whatever is wrong with it ends in its verdict, not in a failure."""

import logging
from pathlib import Path

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.verdicts.page import write_page, write_thumbnail
from workflow_scripts.lib.verdicts.pipeline import called, judge_video


def main(
    video: Path,
    bundle: Path,
    frames: int | None,
    every: int | str | None,
    stamp: str,
    threads: int,
    output: Path,
    page: Path,
    thumbnail: Path,
) -> None:
    """Write the verdict to `output`, the page with its evidence, and a small picture. By the
    file's `stamp` it is known again."""
    judgement = judge_video(video, bundle, frames, every, threads)
    verdict = judgement.verdict
    write_json(output, {**verdict, "stamp": stamp})
    write_page(page, judgement)
    write_thumbnail(thumbnail, judgement)
    logging.info("%s: %s. %s", verdict["video"]["name"], called(verdict), verdict["reason"])


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            video=Path(snakemake.params.path),
            bundle=Path(snakemake.params.bundle),
            frames=snakemake.params.frames,
            every=snakemake.params.every,
            stamp=snakemake.params.stamp,
            threads=snakemake.threads,
            output=Path(snakemake.output.verdict),
            page=Path(snakemake.output.page),
            thumbnail=Path(snakemake.output.thumbnail),
        )

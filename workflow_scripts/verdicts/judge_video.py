"""Judge one of many videos. Whatever is wrong with it ends in its verdict, not in a failure."""

import logging
from pathlib import Path

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.verdicts.page import write_page, write_thumbnail
from workflow_scripts.lib.verdicts.pipeline import called, judge_video


def main(
    path: Path,
    bundle: Path,
    frames: int | None,
    every: int | str | None,
    stamp: str,
    threads: int,
    verdict: Path,
    page: Path,
    thumbnail: Path,
) -> None:
    """Write the `verdict`, the page with its evidence, and a small picture. By the
    file's `stamp` it is known again."""
    judgement = judge_video(path, bundle, frames, every, threads)
    content = judgement.verdict
    write_json(verdict, {**content, "stamp": stamp})
    write_page(page, judgement)
    write_thumbnail(thumbnail, judgement)
    logging.info("%s: %s. %s", content["video"]["name"], called(content), content["reason"])


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

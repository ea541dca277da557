"""Make the verdict on one of many videos. It reports a bad video; the job does not fail."""

import logging
from pathlib import Path

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.verdicts.page import write_page, write_thumbnail
from workflow_scripts.lib.verdicts.pipeline import outcome, run_verdict


def main(
    path: Path,
    bundle: Path,
    frames: int | None,
    stride: int | str | None,
    stamp: str,
    threads: int,
    verdict: Path,
    page: Path,
    thumbnail: Path,
) -> None:
    """Write the `verdict`, its page and a thumbnail. The verdict records the file's `stamp`, to
    detect changes."""
    result = run_verdict(path, bundle, frames, stride, threads)
    content = result.verdict
    write_json(verdict, {**content, "stamp": stamp})
    write_page(page, result)
    write_thumbnail(thumbnail, result)
    logging.info("%s: %s. %s", content["video"]["name"], outcome(content), content["reason"])


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

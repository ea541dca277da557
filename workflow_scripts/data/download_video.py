"""Fetch one video of the manifest from the data set's server."""

import logging
from dataclasses import asdict
from pathlib import Path

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.data.download import download, url_of
from workflow_scripts.lib.data.download_paths import place_below


def main(server: str, folder: Path, path: Path, rate_mb: float | None, receipt: Path) -> None:
    """Write the video to `path`, somewhere below `folder`, and a receipt of it."""
    fetched = download(url_of(server, place_below(folder, path)), path, rate_mb)
    logging.info("%s: %.1f MB", path, fetched.bytes / 1e6)
    write_json(receipt, asdict(fetched))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            server=snakemake.config["download"]["server"],
            folder=Path(snakemake.config["download"]["folder"]),
            path=Path(snakemake.params.path),
            rate_mb=snakemake.config["download"]["rate_mb"],
            receipt=Path(snakemake.output[0]),
        )

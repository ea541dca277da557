"""Fetch one video of the manifest from the data set's server."""

import logging
from dataclasses import asdict
from pathlib import Path

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.data.download import download, url_of
from workflow_scripts.lib.data.download_paths import place_below


def main(
    download_server: str,
    download_folder: Path,
    path: Path,
    download_rate_mb: float | None,
    receipt: Path,
) -> None:
    """Write the video to `path`, somewhere below the download's folder, and a receipt of it."""
    url = url_of(download_server, place_below(download_folder, path))
    fetched = download(url, path, download_rate_mb)
    logging.info("%s: %.1f MB", path, fetched.bytes / 1e6)
    write_json(receipt, asdict(fetched))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

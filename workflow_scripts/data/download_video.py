"""Download one video of the manifest."""

import logging
from dataclasses import asdict
from pathlib import Path

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.data.download import download, file_url
from workflow_scripts.lib.data.download_paths import path_in_dataset


def main(
    download_server: str,
    download_folder: Path,
    path: Path,
    download_rate_mb: float | None,
    receipt: Path,
) -> None:
    """Download to `path`, a file in the download folder, and write a receipt."""
    url = file_url(download_server, path_in_dataset(download_folder, path))
    record = download(url, path, download_rate_mb)
    logging.info("%s: %.1f MB", path, record.bytes / 1e6)
    write_json(receipt, asdict(record))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

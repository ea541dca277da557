"""Check that all downloaded videos still exist."""

import logging
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.download import find_missing


def main(receipts: list[Path], download_folder: Path) -> None:
    """Raise a UserError if there are no receipts, or if files are missing or have another length;
    their receipts are deleted, so that the next `snakemake download` fetches them."""
    if not receipts:
        raise UserError(
            f"No video of the manifest is in download.folder ({download_folder}). Create the "
            "manifest with `deepfake filelist CONFIG`."
        )
    missing = find_missing(receipts)
    for receipt in missing:
        receipt.unlink()
    if missing:
        raise UserError(
            f"{len(missing)} of {len(receipts)} videos in {download_folder}, or their receipts, "
            f"were deleted or changed after the download, for example {missing[0].stem}. Start the "
            "same command again to fetch them."
        )
    logging.info("%d videos are in %s", len(receipts), download_folder)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

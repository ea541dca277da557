"""Check that all that was downloaded is still there."""

import logging
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.download import find_lost


def main(receipts: list[Path], download_folder: Path) -> None:
    """Look at each file that has a receipt.

    Raises
    ------
    UserError
        There are none; or some are gone or have another length. Their receipts are deleted, so
        that the next `snakemake download` fetches them.
    """
    if not receipts:
        raise UserError(
            f"No video of the manifest lies in download.folder ({download_folder}). Make the "
            "manifest with `deepfake filelist CONFIG`."
        )
    lost = find_lost(receipts)
    for receipt in lost:
        receipt.unlink()
    if lost:
        raise UserError(
            f"{len(lost)} of {len(receipts)} videos in {download_folder}, or their receipts, were "
            f"deleted or changed after their download, {lost[0].stem} for example. Start the same "
            "command again to fetch them."
        )
    logging.info("%d videos are in %s", len(receipts), download_folder)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Write the status of every video to one table, and the capture rate of each label."""

import logging
import shutil
from pathlib import Path

from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.store.quality import capture_rates, quality_table


def main(
    manifest: Path,
    statuses: list[Path],
    frames: int,
    quality: Path,
    rates: Path,
    manifest_copy: Path,
) -> None:
    """Write `quality` (a row per video) and `rates` (a row per label), tab separated, and copy the
    manifest, so that the run's folder says which people are in its videos."""
    shutil.copyfile(manifest, manifest_copy)
    table = quality_table(read_manifest(manifest).values(), statuses, frames)
    table.to_csv(quality, sep="\t", index=False)
    captured = capture_rates(table)
    captured.to_csv(rates, sep="\t", index=False)
    logging.info("%s", captured.to_string(index=False))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

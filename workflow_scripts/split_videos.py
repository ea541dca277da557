"""Divide the store's rows into training and test under one protocol."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.lib.manifest import Label, read_manifest
from workflow_scripts.lib.splits import TEST, TRAIN, divide, find_leak
from workflow_scripts.lib.store import read_rows


def main(
    store: Path, manifest: Path, protocol: str, test_share: float, seed: int, output: Path
) -> None:
    """Write a table with one line per row of the store: who it is, and the part it belongs to."""
    videos = read_manifest(manifest)
    rows = read_rows(store)
    if protocol == "official":
        parts = np.array([videos[name].split for name in rows.video])
    else:
        units = {"identity": rows.group, "video": rows.video, "frame": np.arange(len(rows.video))}
        strata = np.array([f"{videos[name].label} {videos[name].method}" for name in rows.video])
        parts = divide(units[protocol], strata, test_share, seed)

    table = pd.DataFrame(
        {
            "row": np.arange(len(parts)),
            "video": rows.video,
            "frame": rows.frame,
            "group": rows.group,
            "label": [Label(label).word for label in rows.label],
            "part": parts,
        }
    )
    table.to_csv(output, sep="\t", index=False)
    leak = find_leak(parts, rows.video, rows.group)
    logging.info("%s", table.groupby(["part", "label"]).size().to_string())
    logging.info(
        "Protocol %s: %d rows for training, %d for the test; on both sides: %d videos, %d groups.",
        protocol,
        (parts == TRAIN).sum(),
        (parts == TEST).sum(),
        leak.videos,
        leak.groups,
    )


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            store=Path(snakemake.input.store).parent,
            manifest=Path(snakemake.input.manifest),
            protocol=snakemake.wildcards.protocol,
            output=Path(snakemake.output[0]),
            **snakemake.params,
        )

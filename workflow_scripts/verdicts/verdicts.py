"""List the verdicts on many videos, the highest score first, as a table and as a page."""

import csv
import json
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.common.pages import render
from workflow_scripts.lib.data.manifest import pair_with_files
from workflow_scripts.lib.verdicts.bundle import read_people
from workflow_scripts.lib.verdicts.inputs import find_videos
from workflow_scripts.lib.verdicts.summary import (
    COLUMNS,
    OUTCOMES,
    accuracy_on_labelled,
    as_cells,
    sort_by_score,
    strip_common_folder,
    training_overlap_text,
)


def main(
    source: Path,
    verdicts: list[Path],
    bundle: Path,
    n_resamples: int,
    confidence_level: float,
    seed: int,
    table: Path,
    page: Path,
) -> None:
    """Write the table and the page of the `verdicts` on the videos of `source`."""
    videos = list(find_videos(source).values())
    contents = [
        json.loads(path.read_text(encoding="utf-8"))
        for _, path in pair_with_files(videos, verdicts)
    ]
    rows = sort_by_score(videos, contents, read_people(bundle))
    with (
        atomic_write(table) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, delimiter="\t", lineterminator="\n")
        writer.writerows([COLUMNS, *map(as_cells, rows)])
    common_folder, names = strip_common_folder([row["path"] for row in rows])
    accuracy = accuracy_on_labelled(rows, n_resamples, confidence_level, seed)
    render(
        "verdicts.html.j2",
        page,
        title=f"Verdicts on {len(rows)} videos",
        rows=[{**row, "name": name} for row, name in zip(rows, names, strict=True)],
        common_folder=common_folder,
        folder=verdicts[0].parent.name,
        model=contents[0]["model"],
        disclaimer=contents[0]["disclaimer"],
        outcomes=OUTCOMES,
        accuracy=accuracy,
        training_overlap=accuracy and training_overlap_text(accuracy),
    )
    counts = _counts_text(Counter(row["outcome"] for row in rows))
    logging.info("%d videos: %s. See %s", len(rows), counts, page)
    if contents[0]["model"]["demo"]:
        logging.info(
            "The model was trained on the demo: its verdicts mean nothing outside the demo."
        )
    if accuracy:
        for label, label_counts in accuracy["counts"].items():
            logging.info("Of videos known to be %s: %s", label, _counts_text(label_counts))
        auc, low, high = (accuracy["roc_auc"][key] for key in ("value", "low", "high"))
        logging.info(
            "AUC %s (%s) on %d videos of %d groups of people. %s",
            "undefined" if auc is None else f"{auc:.2f}",
            "no interval" if low is None else f"{low:.2f} to {high:.2f}",
            accuracy["scored"],
            accuracy["groups"],
            training_overlap_text(accuracy),
        )


def _counts_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[word]} {word}" for word in OUTCOMES)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

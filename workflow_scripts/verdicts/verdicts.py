"""Sort the verdicts on many videos by suspicion, as a table and as a page."""

import csv
import json
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import atomic_write
from workflow_scripts.lib.common.pages import render
from workflow_scripts.lib.data.manifest import pair_with_files
from workflow_scripts.lib.verdicts.bundle import read_people
from workflow_scripts.lib.verdicts.inputs import find_videos
from workflow_scripts.lib.verdicts.summary import (
    CALLED,
    COLUMNS,
    as_cells,
    on_people_seen,
    ranked,
    shortened,
    worth,
)


def main(
    source: Path | None,
    verdicts: list[Path],
    bundle: Path,
    n_resamples: int,
    confidence_level: float,
    seed: int,
    table: Path,
    page: Path,
) -> None:
    """Write table and page; `verdicts` are those (`.json`) on the videos of `source`.

    Raises
    ------
    UserError
        There is no `source`.
    """
    if source is None:
        raise UserError(
            "videos_to_judge is not set. Name a folder or a table of videos: "
            "`snakemake verdicts --config videos_to_judge=FOLDER`."
        )
    videos = list(find_videos(source).values())
    found = [
        json.loads(path.read_text(encoding="utf-8"))
        for _, path in pair_with_files(videos, verdicts)
    ]
    rows = ranked(videos, found, read_people(bundle))
    with atomic_write(table) as aside, aside.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter="\t", lineterminator="\n")
        writer.writerows([COLUMNS, *map(as_cells, rows)])
    place, names = shortened([row["path"] for row in rows])
    measured = worth(rows, n_resamples, confidence_level, seed)
    render(
        "verdicts.html.j2",
        page,
        title=f"Verdicts on {len(rows)} videos",
        rows=[{**row, "name": name} for row, name in zip(rows, names, strict=True)],
        place=place,
        folder=verdicts[0].parent.name,
        model=found[0]["model"],
        caution=found[0]["caution"],
        called=CALLED,
        worth=measured,
        people_seen=measured and on_people_seen(measured),
    )
    tally = _told(Counter(row["called"] for row in rows))
    logging.info("%d videos: %s. See %s", len(rows), tally, page)
    if found[0]["model"]["demo"]:
        logging.info(
            "The model was trained on the demo: its verdicts mean nothing outside the demo."
        )
    if measured:
        for label, counts in measured["counts"].items():
            logging.info("Of videos known to be %s: %s", label, _told(counts))
        auc = measured["roc_auc"]
        value = "undefined" if auc["value"] is None else f"{auc['value']:.2f}"
        known = auc["low"] is not None
        between = f"{auc['low']:.2f} to {auc['high']:.2f}" if known else "no interval"
        logging.info(
            "AUC %s (%s) on %d videos of %d groups of people. %s",
            *(value, between, measured["scored"], measured["groups"]),
            on_people_seen(measured),
        )


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[word]} {word}" for word in CALLED)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

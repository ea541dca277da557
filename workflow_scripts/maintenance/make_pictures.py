"""Make the README's pictures from the demo's results: run `make demo` first.

Needs graphviz (`dot`) for the graph of rules, and Chromium for the picture of a page.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

from workflow_scripts.lib.common.errors import UserError

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
FIGURES = ROOT / "results" / "demo" / "figures"
VERDICTS = ROOT / "results" / "demo" / "verdicts.tsv"
MANIFEST = "config/demo.tsv"
SHEET_HEIGHT = 628  # pixels; two videos


def main() -> int:
    """Write `docs/images/`; returns the exit status."""
    try:
        IMAGES.mkdir(exist_ok=True)
        _draw_rules(IMAGES / "rulegraph.svg")
        _show_page(FIGURES / "leaderboard.html", IMAGES / "leaderboard.png", 570)
        with Image.open(FIGURES / "contact_sheet_fake.jpg") as sheet:
            sheet.crop((0, 0, sheet.width, SHEET_HEIGHT)).save(IMAGES / "contact_sheet.jpg")
        importance = FIGURES / "identity/pixels64_forest/importance.png"
        shutil.copyfile(importance, IMAGES / "importance.png")
        judged = [_program("snakemake"), "verdicts", "--config", f"videos_to_judge={MANIFEST}"]
        subprocess.run(judged, cwd=ROOT, check=True, capture_output=True)
        _show_page(VERDICTS.with_suffix(".html"), IMAGES / "verdicts.png", 620)
        with VERDICTS.open(encoding="utf-8", newline="") as lines:
            unseen = [
                r for r in csv.DictReader(lines, delimiter="\t") if r["people_in_training"] == "no"
            ]
        if not unseen:
            raise UserError(f"{VERDICTS} has nobody on whom the model was not trained")
        page = VERDICTS.with_suffix("") / f"{unseen[0]['video']}.html"
        _show_page(page, IMAGES / "verdict.png", 985)
    except (UserError, FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"make_pictures: {error}. Has `make demo` run?", file=sys.stderr)
        return 1
    return 0


def _draw_rules(output: Path) -> None:
    graph = subprocess.run(
        [_program("snakemake"), "--rulegraph", "--forceall"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    # record_run takes every file there is: its arrows would hide the rest
    lines = graph.stdout.decode().splitlines()
    (record,) = (line.split("[")[0].strip() for line in lines if '"record_run"' in line)
    shown = [line for line in lines if record not in re.findall(r"\d+", line.partition("[")[0])]
    drawing = [_program("dot"), "-Tsvg", "-Grankdir=LR", "-Granksep=0.35", "-Nfontname=sans-serif"]
    with output.open("wb") as out:
        subprocess.run(drawing, input="\n".join(shown).encode(), stdout=out, check=True)


def _show_page(page: Path, output: Path, height: int) -> None:
    if not page.exists():
        raise UserError(f"{page} is missing")
    command = [_program("chromium", "chromium-browser", "google-chrome"), "--headless"]
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # Chromium refuses its sandbox to root
    command += ["--disable-gpu", "--hide-scrollbars", f"--window-size=1260,{height}"]
    command += [f"--screenshot={output}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)


def _program(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    raise UserError(f"The program {names[0]} is missing: install it")


if __name__ == "__main__":
    sys.exit(main())

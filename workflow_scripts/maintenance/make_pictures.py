"""Make the README's pictures from the demo's results: run `make demo` first.

Needs graphviz (`dot`) for the rule graph, and Chromium for screenshots of pages.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.tables import read_table

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
        _draw_rule_graph(IMAGES / "rulegraph.svg")
        _take_screenshot(FIGURES / "leaderboard.html", IMAGES / "leaderboard.png", 570)
        with Image.open(FIGURES / "contact_sheet_fake.jpg") as sheet:
            sheet.crop((0, 0, sheet.width, SHEET_HEIGHT)).save(IMAGES / "contact_sheet.jpg")
        importance = FIGURES / "identity/pixels64_forest/importance.png"
        shutil.copyfile(importance, IMAGES / "importance.png")
        _run_snakemake("verdicts", "--config", f"videos_to_judge={MANIFEST}")
        _take_screenshot(VERDICTS.with_suffix(".html"), IMAGES / "verdicts.png", 620)
        table = read_table(VERDICTS)
        unseen = table.loc[table["people_in_training"] == "no", "video"]
        if unseen.empty:
            raise UserError(f"{VERDICTS} has no person that the model was not trained on")
        page = VERDICTS.with_suffix("") / f"{unseen.iloc[0]}.html"
        _take_screenshot(page, IMAGES / "verdict.png", 985)
    except (UserError, FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"make_pictures: {error}. Has `make demo` run?", file=sys.stderr)
        return 1
    return 0


def _draw_rule_graph(output: Path) -> None:
    lines = _run_snakemake("--rulegraph", "--forceall").splitlines()
    # record_run reads every file: its arrows would hide the others
    (record,) = (line.split("[")[0].strip() for line in lines if '"record_run"' in line)
    graph = [line for line in lines if record not in re.findall(r"\d+", line.partition("[")[0])]
    command = [_find_program("dot"), "-Tsvg", "-Grankdir=LR", "-Granksep=0.35"]
    command += ["-Nfontname=sans-serif", "-o", str(output)]
    subprocess.run(command, input="\n".join(graph), text=True, check=True)


def _run_snakemake(*arguments: str) -> str:
    command = [_find_program("snakemake"), *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _take_screenshot(page: Path, output: Path, height: int) -> None:
    if not page.exists():
        raise UserError(f"{page} is missing")
    command = [_find_program("chromium", "chromium-browser", "google-chrome"), "--headless"]
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # Chromium refuses its sandbox to root
    command += ["--disable-gpu", "--hide-scrollbars", f"--window-size=1260,{height}"]
    command += [f"--screenshot={output}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)


def _find_program(*names: str) -> str:
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise UserError(f"The program {names[0]} is missing: install it")
    return path


if __name__ == "__main__":
    sys.exit(main())

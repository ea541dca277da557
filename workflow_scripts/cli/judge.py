"""`deepfake judge`: a verdict on one video."""

import logging
import re
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from workflow_scripts.cli._shared import examples, print_errors
from workflow_scripts.lib.common.errors import UserError

app = typer.Typer()


def _parse_number(text: str) -> int:
    from workflow_scripts.lib.verdicts.frame_plan import MAX_NUMBER

    if not re.fullmatch("[0-9]{1,7}", text) or not 1 <= int(text) <= MAX_NUMBER:
        raise typer.BadParameter(f"{text!r} is not a whole number from 1 to {MAX_NUMBER}")
    return int(text)


def _parse_stride(text: str) -> int | str:
    from workflow_scripts.lib.verdicts.frame_plan import SPREAD

    try:
        return text if text == SPREAD else _parse_number(text)
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{error}, and not {SPREAD!r}") from error


@app.command(
    short_help="Say whether a video is a deepfake.",
    epilog=examples(
        "deepfake judge clip.mp4 --model bundle.zip",
        "deepfake judge clip.mp4 --model bundle.zip --stride spread --output clip",
        then="Then open verdict/verdict.html. `snakemake bundles` makes bundles; `snakemake "
        "verdicts` judges all videos of a folder (docs/verdicts.md).",
    ),
)
def judge(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video.")],
    model: Annotated[Path, typer.Option(metavar="BUNDLE", help="A model's bundle.zip.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to write to.")] = Path(
        "verdict"
    ),
    frames: Annotated[
        int | None,
        typer.Option(
            parser=_parse_number,
            metavar="N",
            help="Number of frames to examine (default: as in training).",
        ),
    ] = None,
    stride: Annotated[
        Any,
        typer.Option(
            parser=_parse_stride,
            metavar="N|spread",
            help="Distance between them, in frames; 'spread': over the whole video.",
        ),
    ] = None,
) -> None:
    """Say whether a video is a deepfake, with a model bundle and nothing else.

    Writes verdict.json and verdict.html to a folder. The exit status is 0 for any verdict, and 1
    if there is none.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback on Ctrl-C
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # or a closed pipe
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    with print_errors("judge"):
        verdict = _write_verdict(video, model, output, frames, stride)
    print(_format_verdict(verdict))
    print(f"Details: {output / 'verdict.html'}")


def _write_verdict(
    video: Path, model: Path, folder: Path, frames: int | None, stride: int | str | None
) -> dict[str, Any]:
    """Judge a video and write `verdict.json` and `verdict.html`; an earlier verdict in the folder
    is deleted first."""
    from workflow_scripts.lib.common.files import write_json
    from workflow_scripts.lib.verdicts.bundle import check_bundle_path
    from workflow_scripts.lib.verdicts.page import write_page
    from workflow_scripts.lib.verdicts.pipeline import FAILURES, run_verdict

    # mistyped paths must not delete an earlier verdict
    if video.is_dir():
        raise UserError(
            f"{video} is a folder. All its videos are judged by `snakemake verdicts --config "
            "videos_to_judge=FOLDER judge_with=BUNDLE`."
        )
    if not video.exists():
        raise UserError(f"{video} does not exist. Correct the path.")
    check_bundle_path(model)
    json_path, page_path = folder / "verdict.json", folder / "verdict.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        json_path.unlink(missing_ok=True)
        page_path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"Cannot write to {folder} ({error.strerror}). Give another --output."
        ) from error
    result = run_verdict(video, model, frames, stride, 1)
    if result.verdict["sampling"]["status"] in FAILURES:
        raise UserError(result.verdict["reason"])
    write_json(json_path, result.verdict)
    write_page(page_path, result)
    return result.verdict


def _format_verdict(verdict: dict[str, Any]) -> str:
    """A verdict as text for the terminal."""
    headline = verdict["verdict"].upper()
    if verdict["probability"] is not None:
        headline += f", probability of fake {verdict['probability']:.0%}"
    lines = [
        headline,
        f"{verdict['reason']} {verdict['error_rate_text']}",
        verdict["frames_examined"],
        *(f"Warning: {warning}" for warning in verdict["warnings"]),
    ]
    if verdict["model"]["demo"]:
        lines.append(
            "The model was trained on the demo: its verdicts mean nothing outside the demo."
        )
    return "\n".join([*lines, verdict["disclaimer"]])

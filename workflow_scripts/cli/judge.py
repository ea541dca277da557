"""`deepfake judge`: a verdict on one video."""

import logging
import re
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from workflow_scripts.cli._shared import examples, failures
from workflow_scripts.lib.common.errors import UserError

__all__ = ["answer", "app", "write_verdict"]

app = typer.Typer()


def _positive(text: str) -> int:
    from workflow_scripts.lib.verdicts.frame_plan import MAX_NUMBER

    if not re.fullmatch("[0-9]{1,7}", text) or not 1 <= int(text) <= MAX_NUMBER:
        raise typer.BadParameter(f"{text!r} is not a whole number from 1 to {MAX_NUMBER}")
    return int(text)


def _stride(text: str) -> int | str:
    from workflow_scripts.lib.verdicts.frame_plan import SPREAD

    try:
        return text if text == SPREAD else _positive(text)
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{error}, and not {SPREAD!r}") from error


@app.command(
    short_help="Say whether a video is a deepfake.",
    epilog=examples(
        "deepfake judge clip.mp4 --model bundle.zip",
        "deepfake judge clip.mp4 --model bundle.zip --stride spread --output clip",
        then="Then open verdict/verdict.html. A bundle comes from `snakemake bundles`; all videos "
        "of a folder are judged by `snakemake verdicts` (docs/verdicts.md).",
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
            parser=_positive,
            metavar="N",
            help="How many frames to examine (default: as in training).",
        ),
    ] = None,
    stride: Annotated[
        Any,
        typer.Option(
            parser=_stride,
            metavar="N|spread",
            help="Distance between them, in frames; 'spread': over the whole video.",
        ),
    ] = None,
) -> None:
    """Say whether a video is a deepfake, with a model bundle and nothing else.

    Writes verdict.json and verdict.html to a folder. The exit status is 0 for any verdict, 1
    without one.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # and so does a closed pipe
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    with failures("judge"):
        verdict = write_verdict(video, model, output, frames, stride)
    print(answer(verdict))
    print(f"Details: {output / 'verdict.html'}")


def write_verdict(
    video: Path, model: Path, folder: Path, frames: int | None, stride: int | str | None
) -> dict[str, Any]:
    """Judge a video and write `verdict.json` and `verdict.html` to a folder.

    Parameters
    ----------
    video, model : Path
        The video and the model's bundle.
    folder : Path
        Created if missing; an earlier verdict in it is deleted.
    frames, stride : int or str, optional
        Which frames to examine, see `run_verdict`.

    Returns
    -------
    dict
        What `verdict.json` holds.

    Raises
    ------
    UserError
        There is no verdict; says why.
    """
    from workflow_scripts.lib.common.files import write_json
    from workflow_scripts.lib.verdicts.page import write_page
    from workflow_scripts.lib.verdicts.pipeline import FAILURES, run_verdict

    _check_paths(video, model)
    pair = [folder / name for name in ("verdict.json", "verdict.html")]
    _clear(folder, pair)
    result = run_verdict(video, model, frames, stride, 1)
    verdict = result.verdict
    if verdict["sampling"]["status"] in FAILURES:
        raise UserError(verdict["reason"])
    write_json(pair[0], verdict)
    write_page(pair[1], result)
    return verdict


def answer(verdict: dict[str, Any]) -> str:
    """A verdict in words, for a terminal."""
    probability = verdict["probability"]
    probability_text = "" if probability is None else f", probability of fake {probability:.0%}"
    lines = [
        f"{verdict['verdict'].upper()}{probability_text}",
        f"{verdict['reason']} {verdict['error_rate_text']}",
        verdict["frames_examined"],
        *(f"Warning: {warning}" for warning in verdict["warnings"]),
    ]
    if verdict["model"]["demo"]:
        lines.append(
            "The model was trained on the demo: its verdicts mean nothing outside the demo."
        )
    return "\n".join([*lines, verdict["disclaimer"]])


def _check_paths(video: Path, model: Path) -> None:
    """Refuse mistyped paths before an earlier verdict is deleted."""
    from workflow_scripts.lib.verdicts.bundle import check_bundle_path

    if video.is_dir():
        raise UserError(
            f"{video} is a folder. All its videos are judged by `snakemake verdicts --config "
            "videos_to_judge=FOLDER judge_with=BUNDLE`."
        )
    if not video.exists():
        raise UserError(f"{video} does not exist. Correct the path.")
    check_bundle_path(model)


def _clear(folder: Path, files: list[Path]) -> None:
    """Create the folder if missing, and delete an earlier verdict in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"Nothing can be written to {folder} ({error.strerror}): give another --output."
        ) from error

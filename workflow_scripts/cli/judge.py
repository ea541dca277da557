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
    from workflow_scripts.lib.verdicts.frame_plan import MOST

    if not re.fullmatch("[0-9]{1,7}", text) or not 1 <= int(text) <= MOST:
        raise typer.BadParameter(f"{text!r} is no whole number from 1 to {MOST}")
    return int(text)


def _every(text: str) -> int | str:
    from workflow_scripts.lib.verdicts.frame_plan import SPREAD

    try:
        return text if text == SPREAD else _positive(text)
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{error}, and not {SPREAD!r}") from error


@app.command(
    short_help="Say whether a video is a deepfake.",
    epilog=examples(
        "deepfake judge clip.mp4 --model bundle.zip",
        "deepfake judge clip.mp4 --model bundle.zip --every spread --output clip",
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
            parser=_positive, metavar="N", help="How many frames are looked at (as in training)."
        ),
    ] = None,
    every: Annotated[
        Any,
        typer.Option(
            parser=_every,
            metavar="N|spread",
            help="Distance of two of them, in frames; 'spread': over the whole video.",
        ),
    ] = None,
) -> None:
    """Say whether a video is a deepfake, with a model bundle and nothing else.

    Writes verdict.json and verdict.html to a folder. The exit status is 0 for any verdict, 1 where
    there is none.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it, and has no traceback to tell
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so does whoever reads, and reads no further
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    with failures("judge"):
        verdict = write_verdict(video, model, output, frames, every)
    print(answer(verdict))
    print(f"The evidence: {output / 'verdict.html'}")


def write_verdict(
    video: Path, model: Path, folder: Path, frames: int | None, every: int | str | None
) -> dict[str, Any]:
    """Judge a video and write `verdict.json` and `verdict.html` to a folder.

    Parameters
    ----------
    video, model : Path
        The video and the model's bundle.
    folder : Path
        Made where it is not there; an earlier verdict in it makes room.
    frames, every : int or str, optional
        Which frames are looked at, see `judge_video`.

    Returns
    -------
    dict
        What `verdict.json` holds.

    Raises
    ------
    UserError
        There is no verdict, and why.
    """
    from workflow_scripts.lib.common.files import write_json
    from workflow_scripts.lib.verdicts.page import write_page
    from workflow_scripts.lib.verdicts.pipeline import FAILURES, judge_video

    _check_given(video, model)
    pair = [folder / name for name in ("verdict.json", "verdict.html")]
    _clear(folder, pair)
    judgement = judge_video(video, model, frames, every, 1)
    verdict = judgement.verdict
    if verdict["sampling"]["status"] in FAILURES:
        raise UserError(verdict["reason"])
    write_json(pair[0], verdict)
    write_page(pair[1], judgement)
    return verdict


def answer(verdict: dict[str, Any]) -> str:
    """A verdict in words, for a terminal."""
    likely = verdict["probability"]
    told = "" if likely is None else f", probability of fake {likely:.0%}"
    lines = [
        f"{verdict['verdict'].upper()}{told}",
        f"{verdict['reason']} {verdict['how_often_wrong']}",
        verdict["scope"],
        *(f"Warning: {warning}" for warning in verdict["warnings"]),
    ]
    if verdict["model"]["demo"]:
        lines.append(
            "The model was trained on the demo: its verdicts mean nothing outside the demo."
        )
    return "\n".join([*lines, verdict["caution"]])


def _check_given(video: Path, model: Path) -> None:
    """Refuse what was mistyped before an earlier verdict makes room for this one."""
    from workflow_scripts.lib.verdicts.bundle import check_place

    if video.is_dir():
        raise UserError(
            f"{video} is a folder. All its videos are judged by `snakemake verdicts --config "
            "videos_to_judge=FOLDER judge_with=BUNDLE`."
        )
    if not video.exists():
        raise UserError(f"{video} does not exist. Correct the path.")
    check_place(model)


def _clear(folder: Path, files: list[Path]) -> None:
    """Make the folder, and leave in it no verdict on another video."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"Nothing can be written to {folder} ({error.strerror}): give another --output."
        ) from error

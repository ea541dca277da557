"""Say whether a video is a deepfake, with a model bundle and nothing else.

Writes `verdict.json` and `verdict.html` to a folder. The exit status is 0 for any verdict, 1 where
there is none.
"""

import argparse
import logging
import re
import signal
import sys
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.verdicts.bundle import check_place
from workflow_scripts.lib.verdicts.frame_plan import MOST, SPREAD
from workflow_scripts.lib.verdicts.page import write_page
from workflow_scripts.lib.verdicts.pipeline import FAILURES, judge_video


def main(arguments: list[str] | None = None) -> int:
    """Judge a video as the command line says; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    try:
        _check_given(options.video, options.model)
        pair = [options.output / name for name in ("verdict.json", "verdict.html")]
        _clear(options.output, pair)
        judgement = judge_video(options.video, options.model, options.frames, options.every, 1)
        verdict = judgement.verdict
        if verdict["sampling"]["status"] in FAILURES:
            raise UserError(verdict["reason"])
        write_json(pair[0], verdict)
        write_page(pair[1], judgement)
    except (UserError, OSError) as error:
        print(f"judge: {error}", file=sys.stderr)
        return 1
    likely = verdict["probability"]
    told = "" if likely is None else f", probability of fake {likely:.0%}"
    print(f"{verdict['verdict'].upper()}{told}")
    print(verdict["reason"], verdict["how_often_wrong"])
    print(verdict["scope"])
    for warning in verdict["warnings"]:
        print(f"Warning: {warning}")
    if verdict["model"]["demo"]:
        print("The model was trained on the demo: its verdicts mean nothing outside the demo.")
    print(verdict["caution"])
    print(f"The evidence: {options.output / 'verdict.html'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="judge", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("video", type=Path, help="the video")
    parser.add_argument("--model", type=Path, required=True, help="a model's bundle.zip")
    parser.add_argument("--output", type=Path, default=Path("verdict"), help="folder to write to")
    parser.add_argument(
        "--frames", type=_positive, help="how many frames are looked at (as in training)"
    )
    parser.add_argument(
        "--every",
        type=_every,
        help=f"distance of two of them, in frames; {SPREAD!r}: over the whole video",
    )
    return parser


def _every(text: str) -> int | str:
    try:
        return text if text == SPREAD else _positive(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, and not {SPREAD!r}") from error


def _positive(text: str) -> int:
    if not re.fullmatch("[0-9]{1,7}", text) or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {MOST}")
    return int(text)


def _check_given(video: Path, model: Path) -> None:
    """Refuse what was mistyped before an earlier verdict makes room for this one."""
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


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it, and has no traceback to tell
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so does whoever reads, and reads no further
    sys.exit(main())

"""Say whether a video is a deepfake, with a model bundle and nothing else.

Writes `verdict.json` and `verdict.html` to a folder. The exit status is 0 for any verdict, 1 where
there is none.
"""

import argparse
import logging
import sys
from pathlib import Path

from workflow_scripts.lib.evidence import write_page
from workflow_scripts.lib.judging import FAILURES, judge_video
from workflow_scripts.lib.run import UserError, write_json


def main(arguments: list[str] | None = None) -> int:
    """Judge a video as the command line says; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    try:
        if problems := [n for n in (options.frames, options.every) if n is not None and n < 1]:
            raise UserError(f"--frames and --every must be 1 or more, not {problems[0]}.")
        judgement = judge_video(options.video, options.model, options.frames, options.every, 1)
        verdict = judgement.verdict
        if verdict["sampling"]["status"] in FAILURES:
            raise UserError(verdict["reason"])
        options.output.mkdir(parents=True, exist_ok=True)
        write_json(options.output / "verdict.json", verdict)
        write_page(options.output / "verdict.html", judgement)
    except (UserError, OSError) as error:
        print(f"judge: {error}", file=sys.stderr)
        return 1
    likely = verdict["probability"]
    told = "" if likely is None else f", probability of fake {likely:.0%}"
    print(f"{verdict['verdict'].upper()}{told}")
    print(verdict["reason"], verdict["how_often_wrong"])
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
    parser.add_argument("--frames", type=int, help="how many frames are looked at (as in training)")
    parser.add_argument("--every", type=int, help="distance of two of them, in frames")
    return parser


if __name__ == "__main__":
    sys.exit(main())

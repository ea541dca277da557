"""The command line `deepfake`, as tests start it."""

from __future__ import annotations

import signal
import sys

from workflow_scripts.cli.main import app

DEEPFAKE = [sys.executable, "-m", "workflow_scripts.cli.main"]  # of the folder it is started in


def deepfake(*arguments: object) -> int:
    """Run `deepfake ARGUMENT ...` in this process, where it prints; its exit status."""
    changed = (signal.SIGINT, signal.SIGPIPE)
    before = [signal.getsignal(number) for number in changed]
    try:
        app([*map(str, arguments)], prog_name="deepfake")
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        for number, handler in zip(changed, before, strict=True):
            signal.signal(number, handler)
    raise AssertionError("it has not ended")

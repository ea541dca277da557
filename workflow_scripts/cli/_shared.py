"""What the subcommands have in common."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from workflow_scripts.lib.common.errors import UserError

__all__ = ["Config", "Splits", "examples", "failures"]

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The run's YAML file.")]
Splits = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Where train.json, val.json and test.json of the data set lie, for the column "
        "`split`.",
    ),
]


def examples(*commands: str, then: str) -> str:
    """The end of a subcommand's help: how it is typed, and what comes next."""
    lines = "\n  ".join(("Examples:" if len(commands) > 1 else "Example:", *commands))
    return f"\b\n{lines}\n\n{then}"  # \b: the lines stay as they are


@contextmanager
def failures(command: str, *others: type[Exception]) -> Iterator[None]:
    """Tell a `UserError`, an `OSError`, or what is among `others`, in a sentence; the exit status
    is 1 then."""
    told: tuple[type[Exception], ...] = (UserError, OSError, *others)
    try:
        yield
    except told as error:
        print(f"{command}: {error}", file=sys.stderr)
        raise typer.Exit(1) from error

"""Arguments and functions that several subcommands share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from workflow_scripts.lib.common.errors import UserError

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The run's YAML file.")]
Splits = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Fill the column `split` from train.json, val.json and test.json in this folder.",
    ),
]


def examples(*commands: str, then: str) -> str:
    """The end of a subcommand's help: examples and the next step."""
    lines = "\n  ".join(("Examples:" if len(commands) > 1 else "Example:", *commands))
    return f"\b\n{lines}\n\n{then}"  # \b keeps the line breaks


@contextmanager
def print_errors(command: str) -> Iterator[None]:
    """Print a `UserError` or `OSError` without a traceback and exit with status 1."""
    try:
        yield
    except (UserError, OSError) as error:
        print(f"{command}: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def read_config(path: Path) -> dict[str, Any]:
    """Read and complete a run's configuration, or raise a UserError."""
    import yaml

    from workflow_scripts.lib.config import complete_config

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}. Name the run's YAML file.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"The config {path} cannot be read ({error}). Correct it.") from error
    return complete_config(config)

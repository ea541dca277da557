"""Call a rule's script with arguments taken by name from what the rule declares."""

import inspect
import operator
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.joblog import job_log

# Arguments read from the config, and their keys there. Changing one does not run a job again: it
# changes no result, or the rule's parameters track what matters of it.
UNTRACKED = {
    "detector": ("detector",),
    "download_folder": ("download", "folder"),
    "download_rate_mb": ("download", "rate_mb"),
    "download_server": ("download", "server"),
    "face_cache": ("face_cache",),
    "faces": ("faces",),
    "manifest": ("manifest",),
    "max_memory_mb": ("sampling", "max_memory_mb"),
    "max_rejected_fraction": ("quality", "max_rejected_fraction"),
    "max_seconds": ("sampling", "max_seconds"),
    "published": ("report", "published"),
}


def run(main: Callable[..., None], job: Any) -> None:
    """Call a script's `main` with the values of `job`, Snakemake's object, and write its log."""
    with job_log(job.log[0]):
        main(**bind(main, job))


def bind(main: Callable[..., None], job: Any) -> dict[str, Any]:
    """The arguments of `main`, by name.

    Values come from the job's parameters, outputs, inputs or wildcards, in this order, from its
    `threads` and from the config (`UNTRACKED`). They are converted to the annotated type: `Path`,
    `list[Path]` or `int`; for `Path | None`, an empty list becomes None. A parameter
    `**name: list[Path]` takes all other named inputs.

    Raises
    ------
    TypeError
        The rule does not declare an argument of `main`.
    """
    given = {**job.wildcards, **job.input, **job.output, **job.params, "threads": job.threads}
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(main, eval_str=True).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            values = {key: files for key, files in job.input.items() if key not in arguments}
        elif name in given:
            values = {name: given[name]}
        elif name in UNTRACKED:
            values = {name: reduce(operator.getitem, UNTRACKED[name], job.config)}
        else:
            raise TypeError(f"{main.__module__}: the rule does not declare {name!r}")
        arguments |= {key: _convert(value, parameter.annotation) for key, value in values.items()}
    return arguments


def _convert(value: Any, annotation: Any) -> Any:
    if annotation == list[Path]:
        return [Path(value)] if isinstance(value, str) else [Path(path) for path in value]
    if annotation == Path | None:
        return Path(value) if value else None
    if annotation is Path:
        return Path(value)
    return int(value) if annotation is int else value

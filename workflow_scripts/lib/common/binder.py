"""How a rule's script gets its arguments: by name, from what the rule declares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.joblog import job_log

__all__ = ["UNTRACKED", "bind", "run"]

# Arguments that come from the config itself, by their key there: a change of these runs no job
# again. They change no result, or the rule's parameters tell what matters of them.
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
    """Call a script's `main` with a job's values, and log the work; `job` is Snakemake's object."""
    with job_log(job.log[0]):
        main(**bind(main, job))


def bind(main: Callable[..., None], job: Any) -> dict[str, Any]:
    """The arguments of `main`, by name.

    A value comes from the job's parameters, outputs, inputs or wildcards, in this order, is
    `threads`, or stands in the config (`UNTRACKED`). It becomes what the annotation says: `Path`,
    `list[Path]`, `int`; an empty list, where `Path | None` is expected, becomes None. A parameter
    `**name: list[Path]` gets all other inputs that have a name.

    Raises
    ------
    TypeError
        The rule does not give what `main` takes.
    """
    given = {**job.wildcards, **job.input, **job.output, **job.params, "threads": job.threads}
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(main, eval_str=True).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = {key: files for key, files in job.input.items() if key not in arguments}
            arguments |= {key: _as(parameter.annotation, files) for key, files in rest.items()}
        elif name in given:
            arguments[name] = _as(parameter.annotation, given[name])
        elif name in UNTRACKED:
            arguments[name] = _as(parameter.annotation, _look_up(job.config, UNTRACKED[name]))
        else:
            raise TypeError(f"{main.__module__}: the rule does not give {name!r}")
    return arguments


def _look_up(config: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        config = config[key]
    return config


def _as(annotation: Any, value: Any) -> Any:
    """A value of Snakemake's as the type that `main` wants."""
    if annotation == list[Path]:
        return [Path(value)] if isinstance(value, str) else [Path(path) for path in value]
    if annotation == Path | None:
        return Path(value) if value else None
    if annotation is Path:
        return Path(value)
    return int(value) if annotation is int else value

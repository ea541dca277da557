"""What a run consists of, read off its rules: no list repeats them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["JobsOfRule", "jobs_behind"]


@dataclass
class JobsOfRule:
    """The jobs of one rule: the files that they make and that stay, and their logs."""

    outputs: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)


@cache
def jobs_behind(
    rules: tuple[Any, ...], folder: str, targets: tuple[str, ...]
) -> dict[str, JobsOfRule]:
    """The jobs that make `targets`, those that make what these read, and so on.

    Parameters
    ----------
    rules : tuple of snakemake.rules.Rule
        All of the workflow's, in its order.
    folder : str
        The run's results, with a slash at the end: files elsewhere are no part of the run.
    targets : tuple of str
        Files.

    Returns
    -------
    dict
        By rule, in the workflow's order.
    """
    found: dict[tuple[Any, ...], tuple[list[str], list[str]]] = {}
    waiting = [*targets]
    while waiting:
        file = str(waiting.pop())
        rule = _maker(rules, file) if file.startswith(folder) else None
        if rule is None:
            continue
        wildcards = rule.get_wildcards(file)
        job = (rules.index(rule), *sorted(wildcards.items()))
        if job not in found:
            outputs, _ = rule.expand_output(wildcards)
            found[job] = _staying(outputs), [str(path) for path in rule.expand_log(wildcards)]
            waiting += rule.expand_input(wildcards)[0]
    by_rule: dict[str, JobsOfRule] = {}
    for job in sorted(found):
        of_rule = by_rule.setdefault(_name(rules[job[0]]), JobsOfRule())
        of_rule.outputs += found[job][0]
        of_rule.logs += found[job][1]
    return by_rule


def _name(rule: Any) -> str:
    """A rule's own name: its script's, since a workflow that has this one as a module may rename
    the rules."""
    return Path(rule.script).stem if rule.script else str(rule.name)


def _maker(rules: Iterable[Any], file: str) -> Any:
    """The rule that makes a file; None of what no rule makes."""
    return next((rule for rule in rules if rule.has_products() and rule.is_producer(file)), None)


def _staying(outputs: Iterable[Any]) -> list[str]:
    """Those of a job's outputs that are not deleted when all jobs that read them have ended."""
    return [str(path) for path in outputs if not path.flags.get("temp")]

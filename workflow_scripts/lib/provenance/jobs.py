"""The jobs and files of a run, derived from its rules."""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class JobFiles(NamedTuple):
    """The outputs (except temporary ones) and logs of a rule's jobs."""

    outputs: list[str]
    logs: list[str]


@cache
def jobs_behind(
    rules: tuple[Any, ...], folder: str, targets: tuple[str, ...]
) -> dict[str, JobFiles]:
    """Find the jobs that make `targets`, directly or indirectly.

    Parameters
    ----------
    rules : tuple of snakemake.rules.Rule
        All of the workflow's, in its order.
    folder : str
        The run's results, with a slash at the end; files outside it are not part of the run.
    targets : tuple of str
        Files.

    Returns
    -------
    dict
        By rule, in the workflow's order.
    """
    jobs: dict[tuple[Any, ...], JobFiles] = {}
    queue = [*targets]
    while queue:
        file = str(queue.pop())
        producers = (rule for rule in rules if rule.has_products() and rule.is_producer(file))
        rule = next(producers, None) if file.startswith(folder) else None
        if rule is None:
            continue
        wildcards = rule.get_wildcards(file)
        job = (rules.index(rule), *sorted(wildcards.items()))
        if job not in jobs:
            outputs = [
                file for file in rule.expand_output(wildcards)[0] if "temp" not in file.flags
            ]
            jobs[job] = JobFiles([*map(str, outputs)], [*map(str, rule.expand_log(wildcards))])
            queue += rule.expand_input(wildcards)[0]
    by_rule: dict[str, JobFiles] = {}
    for job in sorted(jobs):
        rule = rules[job[0]]
        # a workflow that uses this one as a module may rename rules, but not scripts
        name = Path(rule.script).stem if rule.script else str(rule.name)
        files = by_rule.setdefault(name, JobFiles([], []))
        files.outputs.extend(jobs[job].outputs)
        files.logs.extend(jobs[job].logs)
    return by_rule

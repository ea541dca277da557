"""Check that everything the run made is still what it was, or the same as on another machine."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.provenance.record import (
    RECORD,
    Problem,
    check_files,
    compare_causes,
    compare_outputs,
    manifest_digest,
    read_record,
)
from workflow_scripts.lib.store.zarr_store import find_damage
from workflow_scripts.lib.verdicts.bundle import check_bundle

SHOWN = 10  # names of a step whose outputs differ


def main(results: Path, config: dict[str, Any], manifest: Path, against: Path | None) -> None:
    """Walk the run in `results`, and compare it with the record `against` if there is one.

    Raises
    ------
    UserError
        Something is wrong: says all of it, and what to do.
    """
    record = read_record(results / RECORD)
    problems, n_files = check_files(results, record)
    problems = problems_of_trees(results, problems) + problems_of_bundles(results)
    told = [f"{problem.name} ({problem.step}): {problem.what}." for problem in problems]
    edited = what_was_edited(record, config, manifest)
    logging.info("%d files of %s were held against their checksums", n_files, results)
    remedies = []
    if edited:
        remedies.append(
            f"What was edited: undo that ({results / RECORD} tells the config, and "
            f"{results}/manifest.tsv the rows), or run snakemake again, which makes anew what "
            "follows from it."
        )
    if told:
        remedies.append(
            "To mend files: delete those that are named here (for anything in a folder NAME.zarr "
            f"the NAME.json beside it), move {results / RECORD} to another place, and run "
            "snakemake again, which makes anew what is missing and what depends on it. "
            "`snakemake verify --config verify_against=THAT_PLACE` then compares with what was."
        )
    if remedies:
        lines = [f"- {line}" for line in (*told, *edited)]
        heading = f"{results} is not as it was recorded ({len(lines)} found):"
        raise UserError("\n".join([heading, *lines, *remedies]))
    logging.info("All of them are whole.")
    if against:
        compare(record, read_record(against), against)


def problems_of_trees(results: Path, problems: list[Problem]) -> list[Problem]:
    """`problems`, with what is said of chunks of store and features put more exactly, and those
    whose checksum was wrong when the run was recorded already."""
    damaged: dict[str, list[str]] = {}
    for tree in (results / "store.zarr", *sorted(results.glob("features/*.zarr"))):
        for damage in find_damage(tree):
            what = damaged.setdefault(str(damage.file.relative_to(results)), [])
            what.append(f"{damage.content}: {damage.reason}")
    exact = [
        replace(problem, what="; ".join(damaged.pop(problem.name, [problem.what])))
        for problem in problems
    ]
    return exact + [Problem(name, "store", "; ".join(what)) for name, what in damaged.items()]


def problems_of_bundles(results: Path) -> list[Problem]:
    """What is wrong with the bundles, which a run makes only where it is asked to."""
    problems = []
    for bundle in sorted(results.glob("models/*/*/bundle.zip")):
        try:
            check_bundle(bundle, bundle.with_name("model.json"))
        except UserError as error:
            problems.append(
                Problem(str(bundle.relative_to(results)), "bundle_model", str(error).rstrip("."))
            )
    return problems


def what_was_edited(record: dict[str, Any], config: dict[str, Any], manifest: Path) -> list[str]:
    """Whether config and manifest are still those of the run."""
    made = record["reproducible"]
    told = []
    if made["config"] != config:
        keys = sorted(
            key for key in {*made["config"], *config} if made["config"].get(key) != config.get(key)
        )
        told.append(f"The config was edited after the run ({', '.join(keys)}).")
    if made["manifest"] != manifest_digest(read_manifest(manifest).values()):
        told.append(f"The manifest {manifest} was edited after the run.")
    return told


def compare(record: dict[str, Any], other: dict[str, Any], against: Path) -> None:
    """Say where two runs differ, and where that began.

    Raises
    ------
    UserError
        Outputs differ that must not.
    """
    differences = compare_outputs(record, other)
    causes = list(compare_causes(record, other))
    skipped = sorted(record["measured"]["files"])
    logging.info("Compared without what was measured in them: %s", ", ".join(skipped))
    if not differences:
        logging.info("All else is the same as in %s.", against)
        for cause in causes:
            logging.info("Different, with no effect: %s", cause)
        return
    lines = [f"It differs from {against}, first in the step {differences[0].step}:"]
    for found in differences:
        more = f" and {len(found.names) - SHOWN} more" if len(found.names) > SHOWN else ""
        names = ", ".join(found.names[:SHOWN])
        lines.append(f"- {found.step}: {len(found.names)} of {found.files} files: {names}{more}")
    lines += ["What may be the reason:", *(f"- {cause}" for cause in causes)] if causes else []
    lines.append(
        "Later steps follow from the first. Give both runs the same config, manifest, videos and "
        "versions (envs/base.txt), and run snakemake again; if they still differ, one machine "
        "computes otherwise than the other, from that step on."
    )
    raise UserError("\n".join(lines))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

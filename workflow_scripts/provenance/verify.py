"""Compare the files of the run with their checksums, and its record with another one."""

import logging
from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.provenance.record import (
    RECORD,
    check_files,
    compare_causes,
    compare_outputs,
    manifest_digest,
    read_record,
)
from workflow_scripts.lib.store.zarr_store import find_damage
from workflow_scripts.lib.verdicts.bundle import check_bundle

MAX_NAMES = 10  # listed for a step whose outputs differ


def main(results: Path, config: dict[str, Any], manifest: Path, against: Path | None) -> None:
    """Check the run in `results`, and compare it with the record `against` if there is one.

    Raises
    ------
    UserError
        Lists all problems, and what to do.
    """
    record = read_record(results / RECORD)
    damaged = [
        f"- {name} ({step}): {description}."
        for name, (step, description) in find_problems(results, record).items()
    ]
    edited = find_edits(record["reproducible"], config, manifest)
    if damaged or edited:
        lines = [f"{results} differs from its record ({len(damaged + edited)} problems):"]
        lines += [*damaged, *edited]
        if edited:
            lines.append(
                f"After an edit: undo it (the config is in {results / RECORD}, the rows are in "
                f"{results}/manifest.tsv), or run snakemake again to update what depends on it."
            )
        if damaged:
            lines.append(
                "To repair files: delete those listed here (for anything in a folder NAME.zarr the "
                f"NAME.json beside it), move {results / RECORD} to another place, and run "
                "snakemake again, which makes the missing files and all that depend on them. "
                "`snakemake verify --config verify_against=THAT_PLACE` then compares the runs."
            )
        raise UserError("\n".join(lines))
    logging.info("All files are intact.")
    if against:
        compare(record, read_record(against), against)


def find_problems(results: Path, record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Step and description of the problem by the name of each damaged file.

    Chunks of the store and the features are located by array and rows, and found even if they were
    damaged before the run was recorded. Bundles are not recorded: a run makes them on request.
    """
    problems = check_files(results, record)
    damage_of: dict[str, list[str]] = {}
    for tree in (results / "store.zarr", *sorted(results.glob("features/*.zarr"))):
        for damage in find_damage(tree):
            name = str(damage.file.relative_to(results))
            damage_of.setdefault(name, []).append(f"{damage.content}: {damage.reason}")
    for name, descriptions in damage_of.items():
        step, _ = problems.get(name, ("store", ""))
        problems[name] = (step, "; ".join(descriptions))
    for bundle in sorted(results.glob("models/*/*/bundle.zip")):
        try:
            check_bundle(bundle, bundle.with_name("model.json"))
        except UserError as error:
            problems[str(bundle.relative_to(results))] = ("bundle_model", str(error).rstrip("."))
    return problems


def find_edits(recorded: dict[str, Any], config: dict[str, Any], manifest: Path) -> list[str]:
    """Whether config and manifest were edited after the run, a line each."""
    edits = []
    before = recorded["config"]
    keys = {key for key in before.keys() & config.keys() if before[key] != config[key]}
    if keys := keys | (before.keys() ^ config.keys()):
        edits.append(f"- The config was edited after the run ({', '.join(sorted(keys))}).")
    if recorded["manifest"] != manifest_digest(read_manifest(manifest).values()):
        edits.append(f"- The manifest {manifest} was edited after the run.")
    return edits


def compare(record: dict[str, Any], other: dict[str, Any], against: Path) -> None:
    """Log the differences between two runs that do not affect their outputs.

    Raises
    ------
    UserError
        Reproducible outputs differ: lists them by step, and possible causes.
    """
    differences = list(compare_outputs(record, other))
    causes = list(compare_causes(record, other))
    measured = sorted(record["measured"]["files"])
    logging.info("Compared without the measurements in them: %s", ", ".join(measured))
    if not differences:
        logging.info("All else is the same as in %s.", against)
        for cause in causes:
            logging.info("Different, without effect: %s", cause)
        return
    lines = [f"The run differs from {against}, first in the step {differences[0][0]}:"]
    for step, names, n_files in differences:
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        listed = ", ".join(names[:MAX_NAMES])
        lines.append(f"- {step}: {len(names)} of {n_files} files: {listed}{more}")
    if causes:
        lines += ["Possible causes:", *(f"- {cause}" for cause in causes)]
    lines.append(
        "Later steps follow from the first. Give both runs the same config, manifest, videos and "
        "versions (envs/base.txt), and run snakemake again. If they still differ, the machines "
        "compute differently from that step on."
    )
    raise UserError("\n".join(lines))


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

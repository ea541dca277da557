"""Write down what the run was made from and what it made."""

from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.provenance.record import make_record


def main(
    config: dict[str, Any],
    manifest: Path,
    networks: list[Path],
    steps: dict[str, list[Path]],
    logs: list[Path],
    lock: Path,
    output: Path,
) -> None:
    """Write the record; see `lib/provenance/record.py` for what is in it."""
    videos = read_manifest(manifest).values()
    record = make_record(output.parent, config, videos, networks, steps, logs, lock)
    write_json(output, record)


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            config=snakemake.params.config,
            manifest=Path(snakemake.config["manifest"]),
            networks=[Path(path) for path in snakemake.input.get("networks", [])],
            steps={
                step: [Path(path) for path in snakemake.input[step]]
                for step in snakemake.params.steps
            },
            logs=[Path(path) for path in snakemake.input.logs],
            lock=Path(snakemake.params.lock),
            output=Path(snakemake.output[0]),
        )

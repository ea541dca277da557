"""Record the inputs, outputs and environment of the run."""

from pathlib import Path
from typing import Any

from workflow_scripts.lib.common.files import write_json
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.provenance.record import make_record


def main(
    config: dict[str, Any],
    manifest: Path,
    networks: list[Path],
    logs: list[Path],
    record: Path,
    **outputs: list[Path],
) -> None:
    """Write the record of the run with these `outputs` by rule; `lib/provenance/record.py`
    describes its content."""
    videos = read_manifest(manifest).values()
    content = make_record(record.parent, config, videos, networks, outputs, logs)
    write_json(record, content)


if __name__ == "__main__":
    from workflow_scripts.lib.common.binder import run

    run(main, snakemake)

"""Show what one experiment got right and wrong."""

import json
from pathlib import Path

from workflow_scripts.lib.common.plotting import draw_confusion, save_figure


def main(evaluation: Path, output: Path) -> None:
    """Draw the confusion matrices of `evaluation` (JSON)."""
    save_figure(output, draw_confusion(json.loads(evaluation.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(Path(snakemake.input.evaluation), Path(snakemake.output[0]))

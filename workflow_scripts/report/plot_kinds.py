"""Show how well each kind of fake is found under one protocol."""

import json
from pathlib import Path

from workflow_scripts.lib.common.plotting import draw_kinds, save_figure


def main(evaluations: list[Path], output: Path) -> None:
    """Draw the `evaluations` (JSON) of all experiments, the best first."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    results.sort(key=lambda result: -(result["video"]["roc_auc"]["value"] or 0))
    save_figure(output, draw_kinds(results))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main([Path(path) for path in snakemake.input.evaluations], Path(snakemake.output[0]))

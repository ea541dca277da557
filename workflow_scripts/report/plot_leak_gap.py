"""Show how much better each experiment looks where its split leaks."""

import json
from pathlib import Path

from workflow_scripts.lib.common.plotting import draw_leak_gap, save_figure


def main(evaluations: list[Path], output: Path) -> None:
    """Draw the `evaluations` (JSON) of every experiment under every protocol."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    save_figure(output, draw_leak_gap(results))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main([Path(path) for path in snakemake.input.evaluations], Path(snakemake.output[0]))

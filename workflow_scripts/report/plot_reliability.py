"""Show whether the calibrated probabilities of all experiments under one protocol come true."""

import json
from pathlib import Path

from workflow_scripts.lib.common.plotting import draw_reliability, save_figure
from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.evaluation.metrics import reliability


def main(protocol: str, evaluations: list[Path], predictions: list[Path], output: Path) -> None:
    """Draw the diagrams; `evaluations` (JSON) and `predictions` (per video) go in pairs."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    bins = {}
    for result, path in zip(results, predictions, strict=True):
        table = read_table(path)
        bins[result["experiment"]] = reliability(
            label_numbers(table), table["probability"].to_numpy(), table["group"].to_numpy()
        )
    save_figure(output, draw_reliability(protocol, results[0]["leak"]["word"], bins))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            protocol=snakemake.wildcards.protocol,
            evaluations=[Path(path) for path in snakemake.input.evaluations],
            predictions=[Path(path) for path in snakemake.input.predictions],
            output=Path(snakemake.output[0]),
        )

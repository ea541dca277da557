"""Show the ROC and precision-recall curves of all experiments under one protocol."""

import json
from pathlib import Path

from workflow_scripts.lib.common.plotting import draw_curves, save_figure
from workflow_scripts.lib.common.tables import label_numbers, read_table
from workflow_scripts.lib.evaluation.metrics import curves


def main(
    protocol: str,
    evaluations: list[Path],
    predictions: list[Path],
    bootstrap: int,
    interval: float,
    seed: int,
    output: Path,
) -> None:
    """Draw the curves; `evaluations` (JSON) and `predictions` (per video) go in pairs."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    tables = [read_table(path) for path in predictions]
    best_first = sorted(
        zip(results, tables, strict=True),
        key=lambda pair: -(pair[0]["video"]["roc_auc"]["value"] or 0),
    )
    found = {
        result["experiment"]: curves(
            label_numbers(table),
            table["score"].to_numpy(),
            table["group"].to_numpy(),
            bootstrap,
            interval,
            seed,
        )
        for result, table in best_first
    }
    save_figure(output, draw_curves(protocol, results[0]["leak"]["word"], found))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            protocol=snakemake.wildcards.protocol,
            evaluations=[Path(path) for path in snakemake.input.evaluations],
            predictions=[Path(path) for path in snakemake.input.predictions],
            output=Path(snakemake.output[0]),
            **snakemake.params,
        )

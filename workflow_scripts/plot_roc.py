"""Show the ROC curves of all experiments under one protocol."""

import json
from pathlib import Path

from workflow_scripts.lib.figures import draw_roc, save_figure
from workflow_scripts.lib.tables import read_table


def main(protocol: str, evaluations: list[Path], predictions: list[Path], output: Path) -> None:
    """Draw the curves; `evaluations` (JSON) and `predictions` (per video) go in pairs."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in evaluations]
    tables = {
        result["experiment"]: read_table(path)
        for result, path in zip(results, predictions, strict=True)
    }
    save_figure(output, draw_roc(protocol, results[0]["leak"]["word"], tables))


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            protocol=snakemake.wildcards.protocol,
            evaluations=[Path(path) for path in snakemake.input.evaluations],
            predictions=[Path(path) for path in snakemake.input.predictions],
            output=Path(snakemake.output[0]),
        )

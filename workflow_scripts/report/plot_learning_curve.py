"""Show what the experiments are worth when they have learnt from fewer people."""

from pathlib import Path

from workflow_scripts.lib.common.plotting import draw_learning_curve, save_figure
from workflow_scripts.lib.common.tables import read_table
from workflow_scripts.lib.evaluation.learning_curve import advise


def main(curve: Path, interval: float, output: Path) -> None:
    """Draw `learning_curve.tsv`, and say whether more people would help."""
    table = read_table(curve)
    save_figure(output, draw_learning_curve(table, advise(table, interval)))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            curve=Path(snakemake.input.curve),
            output=Path(snakemake.output[0]),
            **snakemake.params,
        )

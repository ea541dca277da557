"""Show what the experiments are worth when they have learnt from fewer people."""

from pathlib import Path

from workflow_scripts.lib.figures import draw_learning_curve, save_figure
from workflow_scripts.lib.learning_curve import advise
from workflow_scripts.lib.tables import read_table


def main(curve: Path, interval: float, output: Path) -> None:
    """Draw `learning_curve.tsv`, and say whether more people would help."""
    table = read_table(curve)
    save_figure(output, draw_learning_curve(table, advise(table, interval)))


if __name__ == "__main__":
    from workflow_scripts.lib.run import script_log

    with script_log(snakemake.log[0]):
        main(
            curve=Path(snakemake.input.curve),
            output=Path(snakemake.output[0]),
            **snakemake.params,
        )

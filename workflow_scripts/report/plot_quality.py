"""Show how many videos there are of each class, what was captured, and the table of all videos."""

from pathlib import Path

from workflow_scripts.lib.common.pages import records, render
from workflow_scripts.lib.common.plotting import draw_capture_rates, draw_class_counts, save_figure
from workflow_scripts.lib.common.tables import read_table


def main(
    quality: Path, rates: Path, confidence: float, counts: Path, captured: Path, page: Path
) -> None:
    """Write two pictures and a page from `quality.tsv` and `capture_rates.tsv`."""
    table = read_table(quality)
    save_figure(counts, draw_class_counts(table))
    save_figure(captured, draw_capture_rates(read_table(rates), confidence))
    lost_first = table.assign(lost=table["status"] == "ok").sort_values("lost", kind="stable")
    render("quality.html.j2", page, title="Quality of every video", rows=records(lost_first))


if __name__ == "__main__":
    from workflow_scripts.lib.common.joblog import job_log

    with job_log(snakemake.log[0]):
        main(
            quality=Path(snakemake.input.quality),
            rates=Path(snakemake.input.rates),
            confidence=snakemake.params.confidence,
            counts=Path(snakemake.output.counts),
            captured=Path(snakemake.output.captured),
            page=Path(snakemake.output.page),
        )

"""The command line, `deepfake`: a module per subcommand.

Every call imports all of them, so heavy imports belong inside the functions.
"""

import typer

from workflow_scripts.cli import filelist, forget, judge, manifest, split_manifest
from workflow_scripts.cli._shared import examples

app = typer.Typer(
    help="Judge videos, prepare runs and clean up. The workflow itself starts with `snakemake`.",
    epilog=examples(
        "deepfake manifest folders FOLDER --output config/mine.tsv",
        "deepfake judge clip.mp4 --model bundle.zip",
        then="`deepfake COMMAND --help` explains each command, README.md how to combine them.",
    ),
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    rich_markup_mode=None,  # rich is slow to import
    pretty_exceptions_enable=False,
)
for command in (judge, manifest, split_manifest, filelist, forget):
    app.add_typer(command.app)


def main() -> None:
    """Run the command line with this process's arguments."""
    app(prog_name="deepfake")


if __name__ == "__main__":
    main()

"""The command line, `deepfake`: a module per subcommand.

They are all imported for each of them, so they import what they work with only once they run.
"""

import typer

from workflow_scripts.cli import filelist, forget, judge, manifest, split_manifest
from workflow_scripts.cli._shared import examples

app = typer.Typer(
    help="""Judge videos, and prepare and tidy up runs of the workflow. The workflow itself is
    started by `snakemake`.""",
    epilog=examples(
        "deepfake manifest folders FOLDER --output config/mine.tsv",
        "deepfake judge clip.mp4 --model bundle.zip",
        then="`deepfake COMMAND --help` tells more of each; README.md tells how they fit together.",
    ),
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    rich_markup_mode=None,  # rich would have to be imported for each message
    pretty_exceptions_enable=False,
)
for command in (judge, manifest, split_manifest, filelist, forget):
    app.add_typer(command.app)


def main() -> None:
    """Run the command line of this process."""
    app(prog_name="deepfake")


if __name__ == "__main__":
    main()

"""`deepfake filelist`: the manifest of a FaceForensics++ download."""

from pathlib import Path

import typer

from workflow_scripts.cli._shared import Config, Splits, examples, print_errors, read_config
from workflow_scripts.lib.data.datasets import (
    add_official_splits,
    faceforensics_videos,
    parse_pairs,
)
from workflow_scripts.lib.data.manifest import write_manifest

app = typer.Typer()


@app.command(
    short_help="Write the manifest of a FaceForensics++ download.",
    epilog=examples(
        "deepfake filelist config/faceforensics.yaml",
        then="Then download the videos: "
        "`snakemake download --configfile config/faceforensics.yaml`.",
    ),
)
def filelist(config: Config, splits: Splits = None) -> None:
    """Write the manifest of a FaceForensics++ download, from the list on its server.

    The config's section `download` sets the server and selects the videos. For the official split,
    --splits needs the files that come with the data set's code.
    """
    from workflow_scripts.lib.config import require_server
    from workflow_scripts.lib.data.download import fetch_text, file_url

    with print_errors("filelist"):
        settings = read_config(config)
        selection = settings["download"]
        url = file_url(require_server(settings), Path("misc/filelist.json"))
        videos = faceforensics_videos(
            parse_pairs(fetch_text(url), url),
            folder=Path(selection["folder"]),
            methods=selection["methods"],
            compressions=selection["compressions"],
            max_videos=selection["videos"],
        )
        if splits:
            videos = add_official_splits(videos, splits)
        write_manifest(Path(settings["manifest"]), videos)
    print(
        f"{settings['manifest']}: {len(videos)} videos. Next: snakemake download --configfile "
        f"{config}"
    )

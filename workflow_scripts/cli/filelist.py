"""`deepfake filelist`: the manifest of a FaceForensics++ download."""

from pathlib import Path
from typing import Any

import typer
import yaml

from workflow_scripts.cli._shared import Config, Splits, examples, failures
from workflow_scripts.lib.data.datasets import listed_videos, parse_pairs, with_official_splits
from workflow_scripts.lib.data.manifest import Video, write_manifest

__all__ = ["app", "listed"]

FILELIST = Path("misc/filelist.json")

app = typer.Typer()


@app.command(
    short_help="Write the manifest of a FaceForensics++ download.",
    epilog=examples(
        "deepfake filelist config/faceforensics.yaml",
        then="Then fetch the videos: `snakemake download --configfile config/faceforensics.yaml`.",
    ),
)
def filelist(config: Config, splits: Splits = None) -> None:
    """Write the manifest of a FaceForensics++ download, from the list on its server.

    What is wanted, and from which server, stands in the config's section `download`. The official
    split, for which --splits is, is not on the server: its files come with the data set's code.
    """
    from workflow_scripts.lib.config import complete_config

    with failures("filelist", ValueError, yaml.YAMLError):
        settings = complete_config(yaml.safe_load(config.read_text(encoding="utf-8")))
        videos = listed(settings)
        if splits:
            videos = with_official_splits(videos, splits)
        write_manifest(Path(settings["manifest"]), videos)
    print(
        f"{settings['manifest']}: {len(videos)} videos. Next: snakemake download --configfile "
        f"{config}"
    )


def listed(config: dict[str, Any]) -> list[Video]:
    """The videos of the server's list that a config wants.

    Raises
    ------
    UserError
        The config names no server, or what the server has is no such list.
    """
    from workflow_scripts.lib.config import given_server
    from workflow_scripts.lib.data.download import fetch_text, url_of

    wanted = config["download"]
    url = url_of(given_server(config), FILELIST)
    return listed_videos(
        parse_pairs(fetch_text(url), url),
        folder=Path(wanted["folder"]),
        methods=wanted["methods"],
        compressions=wanted["compressions"],
        count=wanted["videos"],
    )

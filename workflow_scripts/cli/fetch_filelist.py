"""Write the manifest of a FaceForensics++ download, from the list on its server.

    python -m workflow_scripts.cli.fetch_filelist config/faceforensics.yaml
    snakemake download --configfile config/faceforensics.yaml

What is wanted, and from which server, stands in the config's section `download`. The official
split, for which --splits is, is not on the server: its files come with the data set's code.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.config import complete_config, given_server
from workflow_scripts.lib.data.datasets import (
    SPLITS_HELP,
    listed_videos,
    parse_pairs,
    with_official_splits,
)
from workflow_scripts.lib.data.download import fetch_text, url_of
from workflow_scripts.lib.data.manifest import Video, write_manifest

FILELIST = Path("misc/filelist.json")


def _listed(config: dict[str, Any]) -> list[Video]:
    wanted = config["download"]
    url = url_of(given_server(config), FILELIST)
    return listed_videos(
        parse_pairs(fetch_text(url), url),
        folder=Path(wanted["folder"]),
        methods=wanted["methods"],
        compressions=wanted["compressions"],
        count=wanted["videos"],
    )


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow_scripts.cli.fetch_filelist",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the run's YAML file")
    parser.add_argument("--splits", type=Path, metavar="FOLDER", help=SPLITS_HELP)
    options = parser.parse_args(arguments)
    path = options.config
    try:
        config = complete_config(yaml.safe_load(path.read_text(encoding="utf-8")))
        videos = _listed(config)
        if options.splits:
            videos = with_official_splits(videos, options.splits)
        write_manifest(Path(config["manifest"]), videos)
    except (UserError, OSError, ValueError, yaml.YAMLError) as error:
        print(f"fetch_filelist: {error}", file=sys.stderr)
        return 1
    print(
        f"{config['manifest']}: {len(videos)} videos. Next: snakemake download --configfile {path}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

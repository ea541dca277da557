"""Delete all crops of a video or of a person from a run, and everything that was made from them.

    python -m workflow_scripts.cli.forget config/mine.yaml --person id3 --dry-run
    python -m workflow_scripts.cli.forget config/mine.yaml --person id3
    snakemake --configfile config/mine.yaml

The first line only lists what would go. Their rows are taken out of the manifest too, so that the
last line makes models and report anew without them. See docs/privacy.md for what is left elsewhere.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import yaml

from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.locks import hold_lock
from workflow_scripts.lib.config import complete_config
from workflow_scripts.lib.data.manifest import Video, read_manifest, remove_rows
from workflow_scripts.lib.provenance.removal import (
    cache_entries,
    chosen_videos,
    derived_files,
    holders,
    rewrite_store,
)


def forget(options: argparse.Namespace) -> None:
    """Do, or with `--dry-run` only say, what the command line asks for.

    The manifest comes last: a command that was interrupted is repeated as it was.
    """
    if not options.config.is_file():
        raise UserError(f"There is no file {options.config}. Name the run's YAML file.")
    config = complete_config(yaml.safe_load(options.config.read_text(encoding="utf-8")))
    manifest, results = Path(config["manifest"]), Path("results", config["run"])
    cache = options.face_cache or (config["face_cache"] and Path(config["face_cache"]))
    if not options.dry_run:
        hold_lock(Path("results/.lock"), wait=False)
    rows = read_manifest(manifest)
    chosen = chosen_videos(rows.values(), options.video, options.person, results)
    kept = [video for name, video in rows.items() if name not in chosen]
    files = derived_files(results, [video.video_id for video in kept])
    entries = cache_entries(cache, results, chosen, rows) if cache else []
    store = results / "store.zarr"

    verb, deleted = "Forgetting", "Deleted"
    if options.dry_run:
        verb, deleted = "Would forget", "Would be deleted"
    print(f"{verb} {len(chosen)} of {len(rows)} videos: {', '.join(chosen)}. {deleted}:")
    own = [path for path in files if path.stem in chosen]
    derived = Counter(path.relative_to(results).parts[0] for path in files if path not in own)
    for path in [*own, *entries]:
        print(f"- {path}")
    for name, count in derived.items():
        print(f"- {results / name}" + (f": {count} files" if count > 1 else ""))
    if store.exists():
        print(f"- {store}: their rows; the other rows stay")
    print(f"- {manifest}: their rows")
    if not options.dry_run:
        for path in entries:
            path.unlink(missing_ok=True)  # another run's writer may just have given it its name
        if store.exists():
            rewrite_store(store, kept)
        for path in files:
            path.unlink()
        for folder in sorted((p for p in results.rglob("*") if p.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
        remove_rows(manifest, chosen)
    _tell_what_is_left(options, config["parts"], results, chosen, rows)


def _tell_what_is_left(
    options: argparse.Namespace,
    parts: list[str],
    results: Path,
    chosen: list[str],
    rows: dict[str, Video],
) -> None:
    others = [run for run in Path("results").glob("*") if run.is_dir() and run != results]
    others = holders({*others, *map(Path, parts)}, chosen)
    paths = [rows[name].path for name in chosen if name in rows]
    # a download that has not ended shows the same face
    videos = [path for video in paths for path in (video, f"{video}.part") if Path(path).exists()]
    flags = " ".join(f"--video {name}" for name in chosen)
    print("Not deleted, and up to you:")
    for run in sorted(others):
        print(f"- {run} has videos of these names: `forget` with that run's config and {flags}")
    for path in videos:
        print(f"- {path}: the video itself")
    print("- what was written or copied elsewhere: reports, verdicts, bundles, backups")
    if options.dry_run:
        return
    if rows.keys() <= set(chosen):
        print("Next: nothing. No video is left; add others to the manifest before the next run.")
    else:
        print(
            f"Next: snakemake --configfile {options.config}, which makes models and report anew "
            "without them."
        )


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m workflow_scripts.cli.forget",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the run's YAML file")
    parser.add_argument("--video", action="append", default=[], metavar="ID", help="a video_id")
    parser.add_argument(
        "--person",
        action="append",
        default=[],
        metavar="NAME",
        help="a target, source or group of the manifest, or DATASET:NAME or group:NAME",
    )
    parser.add_argument("--face-cache", type=Path, metavar="FOLDER", help="if not in the config")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only list what would go")
    options = parser.parse_args(arguments)
    if not options.video and not options.person:
        parser.error("whom? Give --video or --person.")
    try:
        forget(options)
    except (UserError, OSError, yaml.YAMLError) as error:
        print(f"forget: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

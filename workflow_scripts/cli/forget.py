"""`deepfake forget`: a video or a person is taken out of a run."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from workflow_scripts.cli._shared import Config, examples, failures
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.common.locks import acquire_lock
from workflow_scripts.lib.data.manifest import Video, read_manifest, remove_rows

__all__ = ["Removal", "app", "carry_out", "plan", "what_goes", "what_stays"]

app = typer.Typer()


@app.command(
    short_help="Delete a video or a person from a run.",
    epilog=examples(
        "deepfake forget config/mine.yaml --person id3 --dry-run",
        "deepfake forget config/mine.yaml --person id3",
        "snakemake --configfile config/mine.yaml",
        then="The first line only lists what would go; the last makes models and report anew "
        "without them. docs/privacy.md tells what is left elsewhere.",
    ),
)
def forget(
    config: Config,
    video: Annotated[list[str] | None, typer.Option(metavar="ID", help="A video_id.")] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A target, source or group of the manifest, or DATASET:NAME or group:NAME.",
        ),
    ] = None,
    face_cache: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The folder of shared faces, if not the config's."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only list what would go.")
    ] = False,
) -> None:
    """Delete all crops of a video or of a person from a run, and everything made from them.

    Their rows are taken out of the manifest too, so that the next run never had them. --video and
    --person can be repeated.
    """
    if not video and not person:
        raise typer.BadParameter("whom? Give --video or --person.")
    with failures("forget", yaml.YAMLError):
        settings = _read_config(config)
        if not dry_run:
            acquire_lock(Path("results", settings["run"], ".lock"), wait=False)
        removal = plan(settings, video or [], person or [], face_cache)
        print("\n".join(what_goes(removal, dry_run)))
        if not dry_run:
            carry_out(removal)
        print("\n".join(what_stays(removal)))
        if not dry_run:
            print(_next(removal, config))


@dataclass(frozen=True)
class Removal:
    """What has to go of a run, and of the cache, when the videos `chosen` do."""

    config: dict[str, Any]
    results: Path
    rows: dict[str, Video]
    chosen: list[str]
    files: list[Path]
    entries: list[Path]

    @property
    def manifest(self) -> Path:
        """The run's manifest."""
        return Path(self.config["manifest"])

    @property
    def store(self) -> Path:
        """The run's store, of which rows may stay."""
        return self.results / "store.zarr"

    @property
    def kept(self) -> list[Video]:
        """The rows of the manifest that stay."""
        return [video for name, video in self.rows.items() if name not in self.chosen]


def plan(
    config: dict[str, Any], videos: list[str], people: list[str], cache: Path | None
) -> Removal:
    """Find what has to go, and change nothing.

    Parameters
    ----------
    config : dict
        The run's, complete.
    videos, people : list of str
        Who is meant, see `select_videos`.
    cache : Path, optional
        The folder of shared faces, if it is not the config's.

    Raises
    ------
    UserError
        Somebody is unknown, or several are called so.
    """
    from workflow_scripts.lib.provenance.removal import (
        find_cache_entries,
        find_derived_files,
        select_videos,
    )

    results = Path("results", config["run"])
    cache = cache or (config["face_cache"] and Path(config["face_cache"]))
    rows = read_manifest(Path(config["manifest"]))
    chosen = select_videos(rows.values(), videos, people, results)
    return Removal(
        config,
        results,
        rows,
        chosen,
        files=find_derived_files(results, [name for name in rows if name not in chosen]),
        entries=find_cache_entries(cache, results, chosen, rows) if cache else [],
    )


def what_goes(removal: Removal, dry_run: bool) -> Iterator[str]:
    """What goes or, with `dry_run`, would go, in lines for people."""
    verb, deleted = "Forgetting", "Deleted"
    if dry_run:
        verb, deleted = "Would forget", "Would be deleted"
    chosen = removal.chosen
    yield f"{verb} {len(chosen)} of {len(removal.rows)} videos: {', '.join(chosen)}. {deleted}:"
    own = [path for path in removal.files if path.stem in chosen]
    others = (path for path in removal.files if path not in own)
    derived = Counter(path.relative_to(removal.results).parts[0] for path in others)
    for path in [*own, *removal.entries]:
        yield f"- {path}"
    for name, count in derived.items():
        yield f"- {removal.results / name}" + (f": {count} files" if count > 1 else "")
    if removal.store.exists():
        yield f"- {removal.store}: their rows; the other rows stay"
    yield f"- {removal.manifest}: their rows"


def carry_out(removal: Removal) -> None:
    """Delete what has to go.

    The manifest comes last: a command that was interrupted is repeated as it was.
    """
    from workflow_scripts.lib.provenance.removal import rewrite_store

    for path in removal.entries:
        path.unlink(missing_ok=True)  # another run's writer may just have given it its name
    if removal.store.exists():
        rewrite_store(removal.store, removal.kept)
    for path in removal.files:
        path.unlink()
    for folder in sorted((p for p in removal.results.rglob("*") if p.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    remove_rows(removal.manifest, removal.chosen)


def what_stays(removal: Removal) -> Iterator[str]:
    """What is out of reach, or for somebody else to decide, in lines for people."""
    from workflow_scripts.lib.provenance.removal import find_runs_with

    chosen, rows = removal.chosen, removal.rows
    runs = {path for path in Path("results").glob("*") if path.is_dir() and path != removal.results}
    others = find_runs_with(chosen, {*runs, *map(Path, removal.config["join_runs"])})
    paths = [rows[name].path for name in chosen if name in rows]
    # a download that has not ended shows the same face
    videos = [path for video in paths for path in (video, f"{video}.part") if Path(path).exists()]
    flags = " ".join(f"--video {name}" for name in chosen)
    yield "Not deleted, and up to you:"
    for run in sorted(others):
        yield f"- {run} has videos of these names: `forget` with that run's config and {flags}"
    for path in videos:
        yield f"- {path}: the video itself"
    yield "- what was written or copied elsewhere: reports, verdicts, bundles, backups"


def _read_config(path: Path) -> dict[str, Any]:
    from workflow_scripts.lib.config import complete_config

    if not path.is_file():
        raise UserError(f"There is no file {path}. Name the run's YAML file.")
    return complete_config(yaml.safe_load(path.read_text(encoding="utf-8")))


def _next(removal: Removal, config: Path) -> str:
    if not removal.kept:
        return "Next: nothing. No video is left; add others to the manifest before the next run."
    return (
        f"Next: snakemake --configfile {config}, which makes models and report anew without them."
    )

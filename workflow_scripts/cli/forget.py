"""`deepfake forget`: remove videos or people from a run."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from workflow_scripts.cli._shared import Config, examples, print_errors, read_config
from workflow_scripts.lib.common.locks import acquire_lock
from workflow_scripts.lib.data.manifest import read_manifest, remove_rows

app = typer.Typer()


@app.command(
    short_help="Delete a video or a person from a run.",
    epilog=examples(
        "deepfake forget config/mine.yaml --person id3 --dry-run",
        "deepfake forget config/mine.yaml --person id3",
        "snakemake --configfile config/mine.yaml",
        then="The first line only lists what would be deleted; the last retrains the models and "
        "updates the report. docs/privacy.md lists what this command cannot delete.",
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
        typer.Option(metavar="FOLDER", help="The face cache, if it is not the config's."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only list what would be deleted.")
    ] = False,
) -> None:
    """Delete all face crops of a video or person from a run, and everything derived from them.

    Their rows are removed from the manifest too, so the next run is made without them. --video and
    --person can be repeated.
    """
    if not video and not person:
        raise typer.BadParameter("nothing selected. Give --video or --person.")
    with print_errors("forget"):
        settings = read_config(config)
        if not dry_run:
            acquire_lock(Path("results", settings["run"], ".lock"), wait=False)
        removal = Removal(settings, video or [], person or [], face_cache)
        print("\n".join(removal.deletions(dry_run)))
        if not dry_run:
            removal.apply()
        print("\n".join(removal.leftovers()))
        if dry_run:
            return
        if removal.remaining:
            print(f"Next: snakemake --configfile {config}, which updates models and report.")
        else:
            print("Next: add videos to the manifest; none is left.")


class Removal:
    """What must be deleted from a run, the face cache and the manifest.

    `cache` replaces the config's face cache. Raises a UserError if a video or person is unknown, or
    a name is ambiguous.
    """

    def __init__(
        self, config: dict[str, Any], videos: list[str], people: list[str], cache: Path | None
    ):
        from workflow_scripts.lib.provenance import removal

        self.results = Path("results", config["run"])
        self.store = self.results / "store.zarr"
        self.manifest = Path(config["manifest"])
        self.joined_runs = config["join_runs"]
        self.rows = rows = read_manifest(self.manifest)
        self.chosen = removal.select_videos(rows.values(), videos, people, self.results)
        self.remaining = [video for name, video in rows.items() if name not in self.chosen]
        self.files = removal.find_derived_files(self.results, [v.video_id for v in self.remaining])
        self.cache_entries: list[Path] = []
        if cache := cache or config["face_cache"]:
            self.cache_entries = removal.find_cache_entries(
                Path(cache), self.results, self.chosen, rows
            )

    def deletions(self, dry_run: bool) -> Iterator[str]:
        """Lines that list what is deleted or, with `dry_run`, would be."""
        count = f"{len(self.chosen)} of {len(self.rows)} videos: {', '.join(self.chosen)}"
        if dry_run:
            yield f"Would forget {count}. Would be deleted:"
        else:
            yield f"Forgetting {count}. Deleted:"
        own_files = [path for path in self.files if path.stem in self.chosen]
        for path in [*own_files, *self.cache_entries]:
            yield f"- {path}"
        derived = Counter(
            path.relative_to(self.results).parts[0]
            for path in self.files
            if path.stem not in self.chosen
        )
        for name, number in derived.items():
            yield f"- {self.results / name}" + (f": {number} files" if number > 1 else "")
        if self.store.exists():
            yield f"- {self.store}: their rows; the other rows stay"
        yield f"- {self.manifest}: their rows"

    def apply(self) -> None:
        """Delete everything; the manifest comes last, so that an interrupted command can be
        repeated."""
        from workflow_scripts.lib.provenance.removal import rewrite_store

        for path in self.cache_entries:
            path.unlink(missing_ok=True)  # another run may have renamed its temporary file
        if self.store.exists():
            rewrite_store(self.store, self.remaining)
        for path in self.files:
            path.unlink()
        for folder in sorted((p for p in self.results.rglob("*") if p.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
        remove_rows(self.manifest, self.chosen)

    def leftovers(self) -> Iterator[str]:
        """Lines that list what this command does not delete."""
        from workflow_scripts.lib.provenance.removal import find_runs_with

        yield "Not deleted, and up to you:"
        runs = {*filter(Path.is_dir, Path("results").glob("*")), *map(Path, self.joined_runs)}
        options = " ".join(f"--video {name}" for name in self.chosen)
        for run in sorted(find_runs_with(self.chosen, runs - {self.results})):
            yield f"- {run} has videos of these names: `forget` with its config and {options}"
        for name in self.chosen:
            if name in self.rows:
                path = self.rows[name].path
                for file in (path, f"{path}.part"):  # an unfinished download
                    if Path(file).exists():
                        yield f"- {file}: the video itself"
        yield "- copies elsewhere: reports, verdicts, bundles, backups"

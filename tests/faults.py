"""Inject faults into whole runs, and write into docs/robustness.md what was lost.

   python -m tests.faults                # all of them: some 20 minutes on two cores
   python -m tests.faults kills disk     # parts: kills, disk, bits, races
   python -m tests.faults --small --page PAGE

A small one stops at the faces of two videos, but for the bits, which need a whole run. The disk
that fills up is a tmpfs, so that part needs root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tests.projects import Project, fingerprint, small_project, small_videos, write_small_videos
from tests.robustness import FAULTS_MARK, Rows, check_page, old_page, page_parser, table
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.data.manifest import Video
from workflow_scripts.lib.provenance.record import read_record
from workflow_scripts.lib.store.zarr_store import StoredVideos, read_features, read_rows
from workflow_scripts.provenance import verify

# what a path below the results belongs to, and the rules whose outputs end the stage
STAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "frames": (("frames",), ("sample_frames",)),
    "faces": (("faces",), ("crop_faces",)),
    "store": (("quality.tsv", "capture_rates.tsv", "store.json", "store.zarr"), ("build_store",)),
    "features": (("features",), ("join_features",)),
    "training": (("splits", "tuning", "models"), ("train_model",)),
    "evaluation": (("evaluation", "leaderboard.tsv", "comparisons.tsv"), ("leaderboard",)),
    "report": (("figures", "run.json"), ()),
}
BETWEEN = "Snakemake's own work"
DISK = "64m"
INTRODUCTION = [
    "",
    "Injected into whole runs of 12 videos by `python -m tests.faults` (2-core x86-64 Linux,",
    "2026-11-26), and held against the bytes of an undisturbed run. The disk that fills up holds",
    "the whole project; 0 and 60 kB were left in turn. What a cluster adds (dead nodes, jobs",
    "out of memory or cancelled) is tried by `tests/slurm`.",
    "",
]


@dataclass(frozen=True)
class Size:
    """How often which fault comes, and to what: to the whole run, or to its first stages, of the
    first videos."""

    kills: int = 50
    bits: int = 200
    races: int = 3
    rooms: tuple[int, ...] = (0, 60)  # kB that are left on a full disk
    stages: tuple[str, ...] = tuple(STAGES)
    until: tuple[str, ...] = ()
    made: str = ""  # where the files are that are then made, below the results
    files: int = 25  # a kill comes before so many more are there
    videos: int | None = None


FULL = Size()
LITTLE = Size(
    kills=1,
    bits=4,
    races=1,
    rooms=(60,),
    stages=("frames", "faces"),
    until=("--until", "crop_faces"),
    made="faces/",
    files=8,
    videos=2,
)


@dataclass(frozen=True)
class Kills:
    """What random kills of one run came to: in which stages they fell, and how many files that
    were finished were made a second time."""

    stages: Counter[str]
    made_twice: int


def start(project: Project, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the run as a group of processes of its own, which can be interrupted even where this
    one can't: a shell makes what it starts in the background deaf to Ctrl-C."""
    return subprocess.Popen(
        project.command(*arguments),
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def kill_at_random(
    project: Project,
    rng: np.random.Generator,
    most: int,
    files: int = FULL.files,
    arguments: Iterable[str] = (),
) -> Kills:
    """Run a project to its end, and kill all of its processes on the way, `most` times at most:
    when a start has made less than `files` more files, logs included, and up to 3 s later."""
    stages: Counter[str] = Counter()
    finished: dict[Path, int] = {}
    twice: set[Path] = set()
    while True:
        process = start(project, *arguments)
        if stages.total() < most:
            wanted = count_files(project) + int(rng.integers(files))
            while count_files(project) < wanted and process.poll() is None:
                time.sleep(0.1)
            time.sleep(rng.uniform(0, 3))
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        marked = being_written(project)
        there = {
            path: path.stat().st_mtime_ns
            for path in outputs_of(project)
            if not any(is_of(output, path) for output in marked)
        }
        twice |= {path for path, time in finished.items() if there.get(path, time) != time}
        finished |= there
        if process.returncode >= 0:
            assert process.returncode == 0, "the run failed"
            return Kills(stages, len(twice))
        stages[stage_of(project, marked)] += 1


def count_files(project: Project) -> int:
    """The files of a run, logs and leftovers included."""
    return sum(len(files) for _, _, files in os.walk(project.results))


def outputs_of(project: Project) -> list[Path]:
    """The files below the results that are no logs and no leftovers."""
    return [
        path
        for path in project.results.rglob("*")
        if path.is_file()
        and not path.is_relative_to(project.results / "logs")
        and not any(part.startswith(".") for part in path.relative_to(project.results).parts)
    ]


def being_written(project: Project) -> set[Path]:
    """The outputs that Snakemake knows as begun and not ended."""
    names = (mark.name for mark in (project.root / ".snakemake/incomplete").glob("*"))
    return {project.root / urlsafe_b64decode(name).decode() for name in names if "." not in name}


def is_of(output: Path, path: Path) -> bool:
    """Whether a file is an output, or in the array or group that the output stands for."""
    return path == output or path.is_relative_to(output.with_suffix(".zarr"))


def stage_of(project: Project, marked: set[Path]) -> str:
    """The last stage that one of the marked outputs belongs to."""
    for stage, (places, _) in reversed(STAGES.items()):
        for place in places:
            if any(path.is_relative_to(project.results / place) for path in marked):
                return stage
    return BETWEEN


def why_no_disk() -> str:
    """Why no small disk can be made here; nothing, if one can."""
    with tempfile.TemporaryDirectory() as name:
        try:
            with small_disk(Path(name) / "disk"):
                return ""
        except (OSError, subprocess.CalledProcessError):
            return "to mount a small tmpfs needs root: run this as root, in a container for example"


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A small disk of its own, a tmpfs, in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def filled(folder: Path, kilobytes: int) -> Iterator[None]:
    """Leave no more room than that on the disk of a folder."""
    ballast = folder / "ballast"
    with ballast.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, shutil.disk_usage(folder).free - kilobytes * 1024)
    try:
        yield
    finally:
        ballast.unlink()


def fill_disk(
    project: Project, stages: Iterable[str], rooms: tuple[int, ...]
) -> dict[str, list[str]]:
    """Run a project whose disk is full in some stages, once with each amount of room (kB) left, and
    goes on when there is room again. What was said, by stage and room."""
    said: dict[str, list[str]] = {}
    for stage in stages:
        _, rules = STAGES[stage]
        arguments = ("--until", *rules) if rules else ()
        for room in rooms:
            with filled(project.root.parent, room):
                ended = project.snakemake(*arguments, check=False)
            assert ended.returncode != 0, f"{stage} ended well with {room} kB"
            said.setdefault(stage, []).append(message_of(ended.stdout + ended.stderr))
        project.snakemake(*arguments)
    return said


def message_of(output: str) -> str:
    """What a person is told of the full disk: by the job, or, where not even Snakemake can write,
    by Snakemake."""
    lines = output.splitlines()
    for words in ("The disk is full", "No space left on device"):
        for line in lines:
            if words in line:
                return line.partition(". ")[0]
    return f"nothing: {lines[-1]}"


def flip_bits(project: Project, rng: np.random.Generator, bits: int) -> tuple[int, int, int, int]:
    """Flip single bits anywhere in a finished run: how many `verify` found and named; and of those
    in chunks of the store (how many?), how many its readers refused."""
    record = read_record(project.results / "run.json")
    files = sorted(path for path in outputs_of(project))
    named = chunks = refused = 0
    for number in range(bits):
        # every second one in the store, whose files are few
        stored = [path for path in files if "c" in path.relative_to(project.results).parts]
        path = rng.choice(np.array(stored if number % 2 else files, object))
        whole = path.read_bytes()
        place = int(rng.integers(len(whole) * 8))
        path.write_bytes(flipped(whole, place))
        try:
            verify.main(
                results=project.results,
                config=record["reproducible"]["config"],
                manifest=project.root / "small.tsv",
                against=None,
            )
        except UserError as error:
            named += str(path.relative_to(project.results)) in str(error)
        if path in stored:
            chunks += 1
            try:
                read_store(project.results / "store.zarr")
            except UserError as error:
                refused += path.name in str(error) and path.parent.name in str(error)
        path.write_bytes(whole)
    return bits, named, chunks, refused


def flipped(content: bytes, place: int) -> bytes:
    """The same bytes, with one bit changed."""
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def read_store(store: Path) -> None:
    """Read all of a store, as training and the extraction of features do."""
    stored = StoredVideos(store)
    for video in stored.names:
        stored.read(video, "")
    rows = np.arange(len(read_rows(store).video))
    for marker in (store.with_name("features")).glob("*.json"):
        read_features(marker.parent, marker.stem, rows)


def race(project: Project, *arguments: str) -> int:
    """Start the same run twice at once: how many of the two worked."""
    both = [start(project, *arguments) for _ in range(2)]
    return sum(process.wait() == 0 for process in both)


def project_of(folder: Path, videos: list[Video]) -> Project:
    """The tests' small run, under one protocol; what an earlier call has left there goes."""
    if folder.exists():
        shutil.rmtree(folder)
    project = small_project(folder, videos)
    project.configure(splits={"protocols": ["identity"], "test_fraction": 0.34})
    return project


@dataclass(frozen=True)
class Bench:
    """Where faults are injected: a folder, the videos, an undisturbed run of them, its checksums,
    and how much is done."""

    folder: Path
    videos: list[Video]
    quiet: Project
    right: dict[str, str]
    size: Size

    def project(self, name: str) -> Project:
        """A project to disturb."""
        return project_of(self.folder / name, self.videos[: self.size.videos])

    def check(self, project: Project, made: str) -> None:
        """Hold what a disturbed project has made, all or what begins like this, against the
        undisturbed run."""
        videos = {video.video_id for video in self.videos[: self.size.videos]}
        expected = {
            name: digest
            for name, digest in self.right.items()
            if not made or (name.startswith(made) and Path(name).stem in videos)
        }
        found = fingerprint(project.results)
        assert {name: found[name] for name in found if name.startswith(made)} == expected


def bench_in(folder: Path, size: Size, until: tuple[str, ...]) -> Bench:
    """Make the videos and the undisturbed run; what is there already is used."""
    write_small_videos(folder / "videos")
    videos = small_videos(folder / "videos")
    quiet = Project(folder / "quiet")
    if not (quiet.results / "run.json").exists():
        quiet = project_of(folder / "quiet", videos)
        quiet.snakemake(*until)
    return Bench(folder, videos, quiet, fingerprint(quiet.results), size)


def kills(bench: Bench, rng: np.random.Generator) -> Rows:
    """Kill whole runs at random moments, one after another, until there were enough."""
    stages, runs, twice, size = Counter[str](), 0, 0, bench.size
    while stages.total() < size.kills:
        project = bench.project(f"killed{runs}")
        left = size.kills - stages.total()
        found = kill_at_random(project, rng, left, size.files, size.until)
        bench.check(project, size.made)
        stages, runs, twice = stages + found.stages, runs + 1, twice + found.made_twice
        print(f"{stages.total()} of {size.kills} kills", flush=True)
    where = ", ".join(f"{stages[name]} in {name}" for name in [*STAGES, BETWEEN] if stages[name])
    yield (
        f"`kill -9` of all processes at a random moment, {runs} whole runs",
        str(size.kills),
        f"{where}; the same command went on",
        f"nothing: final bytes equal each time, {twice} finished files made twice",
    )


def disk(bench: Bench, rng: np.random.Generator) -> Rows:
    """Fill the disk in every stage of a run."""
    if reason := why_no_disk():
        yield ("a full disk", "0", f"not tried: {reason}", "")
        return
    rooms = bench.size.rooms
    with small_disk(bench.folder / "disk"):
        project = bench.project("disk/project")
        said = fill_disk(project, bench.size.stages, rooms)
        bench.check(project, bench.size.made)
    for stage, messages in said.items():
        told = "; ".join(
            f"{room} kB left: {words}" for room, words in zip(rooms, messages, strict=True)
        )
        yield f"a full disk, {stage}", str(len(rooms)), told, "nothing: final bytes equal"


def bits(bench: Bench, rng: np.random.Generator) -> Rows:
    """Flip bits of the undisturbed run, and back."""
    flips, named, chunks, refused = flip_bits(bench.quiet, rng, bench.size.bits)
    lost = "nothing, once the file was made again"
    found = f"{named} found and named by `snakemake verify`"
    yield "a bit flipped anywhere in a finished run", str(flips), found, lost
    found = f"{refused} refused by the readers of training and features, the rows named"
    yield "of those, in a chunk of the store", str(chunks), found, lost


def races(bench: Bench, rng: np.random.Generator) -> Rows:
    """Start runs twice at the same moment."""
    single = 0
    for number in range(bench.size.races):
        project = bench.project(f"race{number}")
        single += race(project, "--until", "crop_faces") == 1
        bench.check(project, "faces/")
    found = f"one of the two worked and the other was told so, {single} times"
    many = str(bench.size.races)
    yield "two users start the same run at once", many, found, "nothing: bytes equal"


PARTS = {"kills": kills, "disk": disk, "bits": bits, "races": races}


def with_part(page: str, part: str, rows: Rows) -> str:
    """The page with the table of one part replaced."""
    inputs, _, faults = page.partition(FAULTS_MARK)
    tables = {
        name.lower(): text
        for name, _, text in (p.partition("\n") for p in faults.split("\n### ")[1:])
    }
    head = ("fault", "how often", "what happened", "what was lost")
    tables[part] = "\n".join(["", *table(head, rows), ""])
    found = "".join(
        f"\n### {name.capitalize()}\n{tables[name]}" for name in PARTS if name in tables
    )
    return inputs + FAULTS_MARK + "\n".join(INTRODUCTION) + found


def main() -> None:
    """Inject the faults that are asked for, and write their part of the page."""
    parser = page_parser("python -m tests.faults", (__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[], metavar="PART")
    parser.add_argument("--folder", type=Path, help="where to work, and to find what was made")
    options = parser.parse_args()
    check_page(parser, options)
    parts, size = options.parts or list(PARTS), LITTLE if options.small else FULL
    with tempfile.TemporaryDirectory() as name:
        until = () if "bits" in parts else size.until
        bench = bench_in((options.folder or Path(name)).absolute(), size, until)
        for part in parts:
            rows = list(PARTS[part](bench, np.random.default_rng(0)))
            page = with_part(old_page(options.page), part, rows)
            options.page.write_text(page, encoding="utf-8")
            print(f"{options.page}: {part}", flush=True)


if __name__ == "__main__":
    main()

"""Try every kind of bad input that the tests know, and write docs/robustness.md.

    python -m tests.robustness [--page PAGE [--small]]
    python -m tests.faults        # its last part

The kinds are those of `tests/clips.py`, `tests/servers.py` and `tests/hostile.py`; the tests hold
each against what must come of it. Here it is written down what came.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import yaml

from tests.benchmarks.measure import SMALL, Cost, cost_of
from tests.clips import COUNT, LIMITS, ODD_CLIPS, STEP, OddClip
from tests.hostile import CONFIGS, MANIFESTS, MODEL_FILES
from tests.servers import FAULTS, WHOLE, serving
from workflow_scripts.faces.crop_faces import main as crop_faces
from workflow_scripts.faces.sample_frames import REMEDY
from workflow_scripts.lib.common.errors import UserError
from workflow_scripts.lib.config import complete_config
from workflow_scripts.lib.data.download import RetryPolicy, download
from workflow_scripts.lib.data.manifest import read_manifest
from workflow_scripts.lib.faces.mtcnn_export import export_models
from workflow_scripts.lib.faces.video import sample_to_file
from workflow_scripts.lib.training.model_files import load_model, save_model
from workflow_scripts.lib.training.registry import make_model

PAGE = Path(__file__).parents[1] / "docs/robustness.md"
FAULTS_MARK = "\n## Faults\n"  # below is what tests/faults.py writes
ROWS, ROWS_WHEN_SMALL = 1_000_000, 1000
STEP_WHEN_SMALL = 15  # between kinds of clips
LARGE = """
import sys
from pathlib import Path
from workflow_scripts.lib.data.identities import assign_groups
from workflow_scripts.lib.data.manifest import read_manifest
videos = read_manifest(Path(sys.argv[1]))
assign_groups(videos.values())
"""

# What, what comes of it, and the function in tests/ that shows it
HABITS = [
    (
        "the videos' disk is away, but their faces are finished",
        "the run continues with the faces and says so; a row whose file never existed is `missing`",
        "test_a_run_goes_on_with_finished_faces_while_the_disk_is_away",
    ),
    (
        "the same, but code or settings of the faces were changed",
        "the run stops and lists the videos that it needs; their faces stay",
        "test_a_disk_that_went_away_costs_nothing",
    ),
    (
        "a node of the cluster does not see the videos",
        "its job fails and says so; finished faces stay",
        "test_a_machine_without_the_videos_leaves_finished_faces",
    ),
    (
        "`max_seconds` or `max_memory_mb` is raised",
        "only the videos that had hit the limit are tried again, once",
        "test_only_what_a_limit_stopped_is_tried_again_and_once",
    ),
    (
        "`max_rejected_fraction` is changed",
        "nothing runs again",
        "test_a_limit_on_what_may_be_lost_makes_nothing_anew",
    ),
    (
        "the job of the store or of a feature set fails half-way",
        "the old tree stays intact",
        "test_a_job_that_fails_leaves_the_old_tree",
    ),
    (
        "videos or a manifest with a modification time in the future, or older than before",
        "what changed runs again, and nothing else",
        "test_a_changed_video_runs_that_video_only_whatever_the_clocks_say",
    ),
    (
        "a fresh checkout of the same code",
        "nothing runs again",
        "test_code_of_another_time_runs_nothing",
    ),
    (
        "a bundle with a modification time in the future",
        "it is used, and a second run has nothing to do",
        "test_a_bundle_of_another_run_needs_nothing_of_this_one",
    ),
    (
        "a judged video's file is away",
        "its verdict stays",
        "test_a_verdict_is_planned_by_its_file_or_where_that_is_away_by_what_it_records",
    ),
    (
        "a video that changes while it is judged",
        "it is not judged, and the reason says so",
        "test_a_file_that_changes_while_it_is_looked_at_is_not_judged",
    ),
    (
        "two ids that differ only in case",
        "refused: on many disks they are the same name",
        "test_rejects_ids_that_differ_only_in_case",
    ),
    (
        "a file system without locks",
        "a warning that nothing keeps a second snakemake out",
        "test_a_file_system_without_locks_stops_nothing",
    ),
    (
        "a memory limit set by a cgroup or by SLURM",
        "it is respected, and training that needs more is refused beforehand",
        "test_the_tightest_group_above_counts",
    ),
    (
        "code and home folder that are read-only",
        "the forest's code is compiled in each job, with a warning",
        "test_code_is_compiled_even_if_it_cannot_be_cached",
    ),
    (
        "folders with other files, links and hidden folders",
        "files with 25 suffixes are used, links followed, hidden folders skipped, others counted",
        "test_linked_folders_are_followed_and_hidden_ones_skipped",
    ),
    (
        "settings with which no model can be trained",
        "refused, with the experiment's name, before any video is read",
        "test_invalid_settings_are_reported_with_their_experiment",
    ),
    (
        "people lying on their side or upside down",
        "they are not judged, and the reason says so",
        "test_who_lies_on_the_side_or_stands_on_the_head_is_not_judged",
    ),
    (
        "a data set called `group` or `video`",
        "people are not confused",
        "test_data_set_may_have_any_name",
    ),
]

Rows = Iterable[tuple[str, ...]]


def main() -> None:
    """Write the page."""
    parser = page_parser("python -m tests.robustness", (__doc__ or "").splitlines()[0])
    options = parser.parse_args()
    check_page(parser, options)
    step, rows = (STEP_WHEN_SMALL, ROWS_WHEN_SMALL) if options.small else (1, ROWS)
    clips = dict(islice(ODD_CLIPS.items(), 0, None, step))
    logging.disable()
    _, *faults = old_page(options.page).partition(FAULTS_MARK)
    with tempfile.TemporaryDirectory() as name:
        text = page(Path(name), clips, rows)
    options.page.write_text(text + "".join(faults), encoding="utf-8")
    print(options.page)


def page_parser(command: str, what: str) -> argparse.ArgumentParser:
    """The arguments of a command that writes the page."""
    parser = argparse.ArgumentParser(prog=command, description=what)
    parser.add_argument("--page", type=Path, default=PAGE, help="what to write: %(default)s")
    parser.add_argument("--small", action="store_true", help=SMALL)
    return parser


def check_page(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Keep what is of no use out of the docs."""
    if options.small and options.page.resolve() == PAGE.resolve():
        parser.error("--small needs --page PAGE: its figures are of no use in the docs")


def old_page(path: Path) -> str:
    """The page as it is; nothing where there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def page(folder: Path, clips: dict[str, OddClip], rows: int) -> str:
    """The page, Markdown; `folder` is used for the inputs. `rows` are those of a large manifest."""
    large = cost_of_large_manifest(folder, rows)
    return "\n".join(
        [
            "<!-- Made by `python -m tests.robustness`. -->\n",
            "# Robustness\n",
            "Inputs and faults that were tried on purpose, and their outcomes. The tests make each",
            "of these inputs and check its outcome. `python -m tests.robustness` writes this",
            "page.\n",
            f"## {len(clips)} kinds of videos\n",
            "No single video stops a run: it gets a status, and `quality.tsv` gives the reason.",
            "Decoding runs in a child process limited to `sampling.max_seconds` of CPU time and",
            "`sampling.max_memory_mb` of memory, and may crash there. Here the limits were",
            f"{LIMITS['max_seconds']} s and {LIMITS['max_memory_mb']} MB, and {COUNT} frames were",
            f"requested, one every {STEP}.\n",
            *table(("kind", "frames", "status", "reason"), videos(folder, clips)),
            f"\n## {len(HABITS)} kinds of files and machines\n",
            "What happens to a run when things around it change, and the test that shows it.\n",
            *table(("kind", "outcome", "test"), habits()),
            f"\n## {len(FAULTS)} kinds of servers\n",
            "A download (`snakemake download`) ends with the complete file or with none; here it",
            "gives up after four attempts without progress.\n",
            *table(("the server", "requests", "outcome"), servers(folder)),
            f"\n## {len(MANIFESTS)} kinds of manifests\n",
            f"A manifest of {rows:,} rows is read, checked and grouped in {large.cpu_s:.0f} s of",
            f"CPU time and {large.memory_mb / 1000:.1f} GB of memory (2-core x86-64 Linux,",
            "2026-11-28).\n",
            *table(("kind", "outcome"), manifests(folder)),
            f"\n## {len(CONFIGS)} kinds of configs\n",
            *table(("kind", "outcome"), configs()),
            f"\n## {len(MODEL_FILES)} kinds of model files\n",
            "Loading a model never runs code.\n",
            *table(("kind", "outcome"), model_files(folder)),
            "",
        ]
    )


def habits() -> Rows:
    """Kind, outcome and test of what happens to files and machines."""
    for kind, outcome, test in HABITS:
        yield kind, outcome, f"`{test}`"


def table(head: tuple[str, ...], rows: Rows) -> Iterator[str]:
    """A table in Markdown."""
    for row in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def videos(folder: Path, clips: dict[str, OddClip]) -> Rows:
    """Kind, frames sampled, status and sentence of each odd clip, after the face stage."""
    export_models(folder)
    for kind, clip in clips.items():
        path, frames = folder / f"{kind}.mp4", folder / f"{kind}.frames"
        clip.make(path)
        limits = (LIMITS["max_seconds"], LIMITS["max_memory_mb"])
        sample_to_file(path, frames, COUNT, STEP, *limits, REMEDY)
        status = folder / f"{kind}.json"
        crop_faces(
            frames=frames,
            video=kind,
            networks=[folder / "pnet.onnx"],
            detector={"backend": "onnxruntime", "min_face_size": 20},
            faces={"confidence": 0.9, "scale": 1.3, "size": 64},
            threads=1,
            face_cache=None,
            crops=folder / "crops.npz",
            status=status,
            strip=folder / "strip.jpg",
        )
        told = yaml.safe_load(status.read_text(encoding="utf-8"))
        text = told["detail"].replace(f"'{path}'", "it").replace(str(path), "it")
        text = text[:1].upper() + text[1:]
        yield words(kind), str(told["frames_sampled"]), f"`{told['status']}`", text


def servers(folder: Path) -> Rows:
    """Fault, number of requests and outcome of each kind of server."""
    retries = RetryPolicy(attempts=4, sleep=lambda seconds: None)
    for kind, fault in FAULTS.items():
        target = folder / "downloads" / f"{kind}.mp4"
        with serving({"/a.mp4": WHOLE, "/elsewhere.mp4": WHOLE}, fault.plan) as server:
            fetch = partial(download, f"{server.url}/a.mp4", target, None, retries)
            outcome = said(fetch)
            outcome = outcome.replace(server.url, "http://server")
            yield fault.what, str(len(server.seen)), outcome or "the whole file"


def manifests(folder: Path) -> Rows:
    """Kind and outcome of each manifest."""
    path = folder / "videos.tsv"
    for kind, (content, _) in MANIFESTS.items():
        path.write_bytes(content)
        yield kind, said(partial(read_manifest, path)).replace(str(path), "FILE") or "read"


def configs() -> Rows:
    """Kind and outcome of each config."""
    for kind, (text, _) in CONFIGS.items():
        yield kind, said(partial(complete_config, yaml.safe_load(text)))


def model_files(folder: Path) -> Rows:
    """Kind and outcome of each model file."""
    good, path = folder / "good.model", folder / "bad.model"
    rng = np.random.default_rng(0)
    model = make_model("random_forest", {"n_estimators": 5}, seed=0, threads=1)
    model.fit(rng.integers(0, 256, (40, 8), np.uint8), np.arange(40) % 2)
    save_model(good, "random_forest", model)
    for kind, change in MODEL_FILES.items():
        path.write_bytes(change(good.read_bytes()))
        yield kind, said(partial(load_model, path, "random_forest")).replace(str(path), "FILE")


def cost_of_large_manifest(folder: Path, rows: int) -> Cost:
    """What it costs to read a manifest of many rows whose people all hang together."""
    path = folder / "large.tsv"
    with path.open("w", encoding="utf-8") as out:
        out.write("video_id\tpath\tlabel\ttarget\tsource\n")
        for i in range(rows):
            out.write(f"v{i}\tvideos/v{i}.mp4\tfake\tp{i % 50_000}\tp{(i + 1) % 50_000}\n")
    return cost_of([sys.executable, "-c", LARGE, str(path)])


def said(work: Callable[[], object]) -> str:
    """What a person is told, shortened to one line; nothing where all went well."""
    try:
        work()
    except UserError as error:
        text = " ".join(str(error).split())
        return re.sub(r"[^\x20-\x7e]", "?", text if len(text) < 260 else f"{text[:250]} ...")
    return ""


def words(name: str) -> str:
    """A name of an odd clip, as words."""
    return name.replace("_", " ")


if __name__ == "__main__":
    main()

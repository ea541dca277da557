"""The commands in tests/ that people run by hand, each once at a small size."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import reproduce
from tests.benchmarks import bench_workflow
from tests.benchmarks.__main__ import BENCHMARKS
from tests.benchmarks.compare_features import RECIPES, WITH_REJECTED
from tests.benchmarks.rejected_features import REJECTED
from tests.benchmarks.try_warnings import ALTERED
from tests.clips import ODD_CLIPS
from tests.hostile import CONFIGS, MANIFESTS, MODEL_FILES
from tests.projects import ROOT, copy_tree
from tests.robustness import PAGE, STEP_WHEN_SMALL, words
from tests.servers import FAULTS
from workflow_scripts.lib.data.datasets import faceforensics_path
from workflow_scripts.lib.data.manifest import write_manifest
from workflow_scripts.lib.features import FEATURE_SETS
from workflow_scripts.lib.verdicts.training_range import MEASURES

pytestmark = pytest.mark.slow

# started by the benchmarks, by `tests.projects` and by tests/reference
HELPERS = {"tests.benchmarks.measure", "tests.starter", "tests.detector_answers"}
BY_MAKE = {"tests.benchmarks", "tests.benchmarks.bench_forest"}  # run by test_make
BY_SLURM = {"tests.benchmarks.bench_cluster"}  # run by tests/slurm, whose cluster it would disturb
NUMBER, ANYTHING = r"\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?", ".*"

SAMPLING = """
    way CPU s ratio pixels
    in order № 1.00 identical
    OpenCV № № identical
    read everything № № identical
    seek № № identical
"""
FACES = """
    ours package ratio
    process per video, CPU s № № №
    process per video, peak MB № № №
    warm detector, CPU s № № №
    our process, warm package № № №
"""
STORE = """
    videos CPU s peak MB crops MB store MB
    2 № № № №
    8 № № № №
"""
WORKFLOW = """
    videos wall s Snakemake CPU s per job sample_frames CPU s (start) crop_faces CPU s (start)
    2 № № № (…№) № (…№)
    2000 such videos, up to the faces: № CPU h, № min on the № cores of this machine.
    CPU s per video of the first run with the same cache: №
    CPU s per video of the second run with the same cache: №
"""
CROWD = """
    CPU s peak MB
    720p, 7 frames, one face № №
    4K, one frame, one face № №
    4K, one frame, 5,100 faces № №
    8K, one frame, one face № №
    8K, one frame, 20,400 faces № №
    8K, 7 frames, 20,400 faces № №
"""
JUDGE = """
    CPU s MB ratio bundle, MB
    frames and faces alone № № 1.00
    verdict by extra_trees on spectrum+dct+sparsity № № № №
    verdict by pixel_forest on pixels № № № №
    verdict by logistic_regression on spectrum+dct+sparsity № № № №
    verdict by nearest_neighbours on spectrum+dct+sparsity № № № №
"""
SCALE = """
    Snakemake's own start: № CPU s, № MB
    videos parse s plan s MB first job s no-op s MB
    2 № № № № № №
"""
CLUSTER = """
    videos elapsed s per video work CPU s per video
    2 № № №
"""
FOREST = """
    way trees fit, CPU s/tree wall peak MB predict, CPU s AUC
    sklearn 4 № № № № №
    sklearn-columns 4 № № № № №
    ours 4 № № № № №
    ours, all 4 № № № № №
    a tree reads № GB (№ CPU s) and looks up № million values (№ CPU s): №x the floor
    against sklearn: №x less CPU a tree, №x less to predict
    against sklearn-columns: №x less CPU a tree, №x less to predict
    the study's grid (5 folds of (100, 500, 1000, 2000) trees, and a refit), CPU s, extrapolated:
    scikit-learn №; the study told 45012
    ours by folds №: 1/№ of scikit-learn's, 1/№ of the study's
    ours out of bag №: 1/№ of scikit-learn's, 1/№ of the study's
"""
DETECTORS = """
    CPU s start import build detect total peak MB (best of 1)
    onnxruntime № № № № № №
    tensorflow № № № № № №
    ratio: CPU №, memory №
    videos 1, frames 7, faces {'onnxruntime': 7, 'tensorflow': 7}
    frames with another number of faces: 0
    frames with equal boxes: №% of the others
    largest difference, pixels of box: №, of keypoints: №
    largest difference of confidence: №
    CPU s per frame, warm, onnxruntime: №
    CPU s per frame, warm, tensorflow: №
    ratio: №
"""
CALLED = "called fake / undetermined / real"
VERDICTS = f"""
    6 videos in c23, 2 in c40, 1 groups of people
    | judged | AUC (95 %) | fakes, {CALLED} | reals, {CALLED} | warned |
    |---|---|---|---|---|
    | c23, 7 frames, one every 30 | № (- to -) | № / № / № | № / № / № | № |
    | c40, 7 frames, one every 30 | № (- to -) | № / № / № | № / № / № | № |
    | c23, 3 frames, one every 30 | № (- to -) | № / № / № | № / № / № | № |
    | c40, 3 frames, one every 30 | № (- to -) | № / № / № | № / № / № | № |
"""


def rows(names, cells):
    """Lines of a Markdown table: names, and the same cells for each."""
    return "\n".join(f"| {name} | {cells} |" for name in names)


def features(run):
    """What `compare_features` promises of a run."""
    rejected = [part + name for name in REJECTED for part in ("", f"{WITH_REJECTED}+")]
    return f"""
        Run {run}: 6 real and 6 fake videos, 3 groups of
        | features | fakes |
        {rows((f"`{name}`" for name in RECIPES), "№")}
        Rejected, alone and added:
        {rows((f"`{name}`" for name in rejected), "№")}
        | nested | №… |
        | group | chosen without it |
        {rows((":p0", ":p2", ":p4"), "`…`")}
    """


FEATURES = f"""
    Cost, № crops of 64 pixels:
    | features | columns | CPU ms per crop |
    {rows((f"`{name}`" for name in FEATURE_SETS), "№ | №")}
    {features("small")}
    {features("other")}
    Trained on small, tested on other people of other:
    {rows(("`pixels`", "nested"), "№…")}
    Trained on other, tested on other people of small:
    {rows(("`pixels`", "nested"), "№…")}
"""
WARNINGS = f"""
    | 3 real videos, 3 groups | warned | {" | ".join(MEASURES)} |
    {rows(("as they are", *ALTERED), "№ of 3" + " | №" * len(MEASURES))}
"""
SOME_CLIPS = list(ODD_CLIPS)[::STEP_WHEN_SMALL]
ROBUSTNESS = f"""
    # Robustness
    ## {len(SOME_CLIPS)} kinds of videos
    {rows(map(words, SOME_CLIPS), "№ | `…` | …")}
    ## {len(FAULTS)} kinds of servers
    {rows((fault.what for fault in FAULTS.values()), "№ | …")}
    A manifest of 1,000 rows is read, checked and grouped in № s of
    {rows(MANIFESTS, "…")}
    {rows(CONFIGS, "…")}
    {rows(MODEL_FILES, "The model FILE cannot be read …")}
    ## Faults
    ### Kills
"""
DISTURBED = f"""
    ## {len(ODD_CLIPS)} kinds of videos
    ## Faults
    | `kill -9` of all processes at a random moment, № whole runs | 1 | 1 in … | nothing: … |
    | a full disk… | № | …: … | … |
    | a bit flipped anywhere in a finished run | 4 | 4 found and named … | nothing, … |
    | of those, in a chunk of the store | № | № refused … | nothing, … |
    | two users start the same run at once | 1 | …, 1 times | nothing: bytes equal |
"""

STRUCTURE = """
    Modules by folder:
    workflow_scripts/lib/faces: №
    Arrows between the library's folders:
    common -> none
    Lines of Python and rules: №; the longest files:
    rules/common.smk: №
    Of № rules with a script, an edited comment runs again:
    № common/files.py
"""


@dataclass(frozen=True)
class Command:
    """A command line; words with `@` are fixtures. Of what it promises, each line must be in the
    output or on the page, in this order; `№` is a number, `…` is anything."""

    arguments: str
    promised: str
    tensorflow: bool = False

    def check(self, text: str) -> None:
        """See that the promised lines are there."""
        lines = iter(text.splitlines())
        for promised in filter(None, map(str.strip, self.promised.splitlines())):
            wanted = re.compile(pattern_of(promised))
            assert any(wanted.fullmatch(line.strip()) for line in lines), f"{promised}\n\n{text}"


TOGETHER = zip(BENCHMARKS, (SAMPLING, FACES, STORE, WORKFLOW), strict=True)
COMMANDS = {
    "tests.benchmarks": Command("--small", "\n".join(map("\n".join, TOGETHER)), tensorflow=True),
    "tests.benchmarks.bench_cluster": Command("2", CLUSTER),
    "tests.benchmarks.bench_crowd": Command("--small", CROWD),
    "tests.benchmarks.bench_forest": Command(
        "--rows 280 --columns 300 --trees 4 --folder rows", FOREST
    ),
    "tests.benchmarks.bench_judge": Command("--small", JUDGE),
    "tests.benchmarks.bench_scale": Command("2", SCALE),
    "tests.benchmarks.compare_detectors": Command("--small @clips", DETECTORS, tensorflow=True),
    "tests.benchmarks.compare_features": Command("--small @store @other_store", FEATURES),
    "tests.benchmarks.try_verdicts": Command("--small @faceforensics", VERDICTS),
    "tests.benchmarks.try_warnings": Command("@manifest", WARNINGS),
    "tests.faults": Command("--small --page @page --folder @faults_folder", DISTURBED),
    "tests.reproduce": Command("compare @runs @runs", "joined: as before"),
    "tests.robustness": Command("--small --page @page", ROBUSTNESS),
    "tests.structure": Command("", STRUCTURE),
}
OF_ALL = [module.__name__ for module in BENCHMARKS.values()]  # run by `tests.benchmarks`


@pytest.fixture(scope="session")
def some(videos):
    """A real and a fake clip of one person out of each pair."""
    return [video for number, video in enumerate(videos) if number % 4 < 2]


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A run as the command makes it, to be compared."""
    folder = tmp_path_factory.mktemp("runs")
    assert reproduce.main(["make", str(folder), "--runs", "joined"]) == 0
    return folder


@pytest.fixture(scope="session")
def clips(tmp_path_factory, some):
    folder = tmp_path_factory.mktemp("clips")
    shutil.copy(some[0].path, folder / "clip.mp4")
    return folder


@pytest.fixture(scope="session")
def manifest(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("manifest") / "videos.tsv"
    write_manifest(path, some)
    return path


@pytest.fixture(scope="session")
def faceforensics(tmp_path_factory, some):
    """Three people, of whom one is there in c40 too; the path is relative."""
    folder = tmp_path_factory.mktemp("faceforensics")
    for number, video in enumerate(some):
        person = number // 2
        name = f"{2 * person:03}" + (f"_{2 * person + 1:03}" if video.label == "fake" else "")
        method = "Deepfakes" if video.label == "fake" else "original"
        for compression in ("c23", "c40") if person == 0 else ("c23",):
            place = folder / faceforensics_path(method, compression)
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(video.path, place / f"{name}.mp4")
    return os.path.relpath(folder, ROOT)


@pytest.fixture
def store(finished):
    return finished.results / "store.zarr"


@pytest.fixture
def other_store(finished, tmp_path):
    copy_tree(finished.results, tmp_path / "other")
    return tmp_path / "other/store.zarr"


@pytest.fixture
def faults_folder(finished, tmp_path):
    """An undisturbed run, and what was left by an earlier call; the path is relative."""
    folder = tmp_path / "faults"
    copy_tree(finished.root, folder / "quiet")
    for left in ("disk", "race0/docs"):
        (folder / left).mkdir(parents=True)
    return os.path.relpath(folder, ROOT)


@pytest.fixture
def page(tmp_path):
    """A copy of the page on robustness. The page itself stays as it is."""
    before = PAGE.read_bytes()
    yield shutil.copy(PAGE, tmp_path / "page.md")
    assert PAGE.read_bytes() == before


@pytest.fixture(scope="session")
def hidden(tmp_path_factory):
    """Folders that hide what `make bench` and `make bench-forest` don't install: the test tools,
    and, for most commands, TensorFlow too."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]

    def without(*names):
        folder = tmp_path_factory.mktemp("without")
        for package in (package for name in names for package in groups[name]):
            missing = f"raise ModuleNotFoundError('No module named {package}', name='{package}')\n"
            (folder / f"{package}.py").write_text(missing)
        return folder

    return {True: without("develop"), False: without("develop", "reference")}


def start(module, arguments, hidden):
    """Run a command as a person would."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(hidden)},
        capture_output=True,
        text=True,
        check=False,
    )


def pattern_of(line):
    """The regular expression of a promised line; any blanks are like one."""
    pattern = re.escape(" ".join(line.split())).replace(r"\ ", r"\s+")
    return pattern.replace("№", NUMBER).replace("…", ANYTHING)


@pytest.mark.parametrize(
    "module", [module for module in COMMANDS if module not in BY_MAKE | BY_SLURM]
)
def test_a_command_does_what_it_promises(module, request, hidden):
    command = COMMANDS[module]
    given = {
        word: str(request.getfixturevalue(word[1:]))
        for word in command.arguments.split()
        if word.startswith("@")
    }
    arguments = [given.get(word, word) for word in command.arguments.split()]
    ended = start(module, arguments, hidden[command.tensorflow])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    command.check(Path(given["@page"]).read_text() if "@page" in given else ended.stdout)


@pytest.mark.parametrize("module", OF_ALL)
def test_what_is_run_with_the_others_can_be_called_alone(module, hidden):
    ended = start(module, ["--help"], hidden[False])
    assert ended.returncode == 0, ended.stderr
    assert f"usage: {module.split('.')[-1]}.py" in ended.stdout


def test_every_command_is_run_here():
    assert commands() == COMMANDS.keys() | set(OF_ALL)


@pytest.mark.parametrize("module", [*COMMANDS, *OF_ALL])
def test_a_command_says_how_it_is_called_and_what_it_does(module):
    text = ast.get_docstring(ast.parse(source(module).read_text()))
    assert f"python -m {module} " in text or f"python -m {module}\n" in text
    assert text.endswith("."), "the docstring ends in the middle of a sentence"


@pytest.mark.parametrize("module", ["tests.robustness", "tests.faults"])
def test_small_figures_stay_out_of_the_docs(module, hidden, page):
    ended = start(module, ["--small"], hidden[False])
    assert ended.returncode == 2
    assert "--small needs --page PAGE" in ended.stderr


def test_a_run_that_fails_says_why(tmp_path):
    with pytest.raises(SystemExit, match="has no fake videos"):
        bench_workflow.run(tmp_path / "project", [tmp_path / "real.mp4"])


def commands():
    """The modules of tests/ and tests/benchmarks/ that do something when they are run."""
    found = set()
    for path in (*(ROOT / "tests").glob("*.py"), *(ROOT / "tests/benchmarks").glob("*.py")):
        if re.search(r"^if __name__ == .__main__.:$", path.read_text(), re.MULTILINE):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found.add(module.removesuffix(".__main__"))
    return found - HELPERS


def source(module):
    """The file of a module that is run."""
    path = ROOT / module.replace(".", "/")
    return path / "__main__.py" if path.is_dir() else path.with_suffix(".py")

"""What the project promises about itself: pins, pages and scripts agree."""

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.clips import ODD_CLIPS
from tests.faults import STAGES
from tests.hostile import CONFIGS, MANIFESTS, MODEL_FILES
from tests.projects import copy_tree
from tests.robustness import HABITS
from tests.servers import FAULTS
from workflow_scripts.lib.common.code_files import library_modules
from workflow_scripts.maintenance.make_docs import PAGES

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(  # all that can be started, but not the command line
    path
    for path in (ROOT / "workflow_scripts").glob("*/*.py")
    if path.parent.name not in ("cli", "lib") and path.stem != "__init__"
)
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
IMPORT_OF = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}


def pins(*locks):
    text = "".join((ROOT / "envs" / f"{lock}.txt").read_text() for lock in locks)
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", text, re.MULTILINE))


def conda_pins(path):
    *_, pip = yaml.safe_load(path.read_text())["dependencies"]
    return dict(pin.split("==") for pin in pip["pip"])


CONDA = sorted((ROOT / "envs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONDA, ids=lambda path: path.name)
def test_conda_pins_equal_the_lock(path):
    locked = pins("base", "reference")
    for name, version in conda_pins(path).items():
        assert locked[name] == version


def test_locks_agree_and_are_hashed():
    base = pins("base")
    for other in ("reference", "develop"):
        for name, version in pins(other).items():
            assert base.get(name, version) == version
    for lock in ("setup", "base", "reference", "develop"):
        blocks = re.split(r"\n(?=[a-z])", (ROOT / f"envs/{lock}.txt").read_text().strip())
        assert all("--hash=sha256:" in block for block in blocks)
        assert "://" not in "".join(blocks)


def test_every_wanted_package_is_locked():
    import tomllib

    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    for group, wanted in groups.items():
        names = {re.split("[=><]", name)[0] for name in wanted}
        assert names <= pins(group).keys()


@cache
def imported_names(path):
    """The dotted names that a file imports, wherever in it, except under its guard."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Import):
                names.update(alias.name for alias in part.names)
            elif isinstance(part, ast.ImportFrom) and part.module:
                names.update((part.module, *(f"{part.module}.{name.name}" for name in part.names)))
    return names


def needed_packages(script):
    """What a script and the project's modules below it import from elsewhere."""
    files = [f"workflow_scripts/{script}.py", *library_modules(script)]
    names = {name.split(".")[0] for file in files for name in imported_names(ROOT / file)}
    return names - set(sys.stdlib_module_names) - {"workflow_scripts"}


ENVIRONMENTS = [
    *re.findall(
        r'"\.\./envs/(\w+)\.yaml"(?:(?!\n *rule ).)*?workflow_scripts/(\w+/\w+)\.py"',
        RULES,
        re.DOTALL,
    ),
    ("video", "faces/crop_faces"),
    ("reference", "faces/crop_faces"),
]


@pytest.mark.parametrize(("environment", "script"), ENVIRONMENTS)
def test_conda_environments_hold_what_their_scripts_import(environment, script):
    available = {
        IMPORT_OF.get(name, name) for name in conda_pins(ROOT / f"envs/{environment}.yaml")
    }
    reference = environment == "reference"
    other_backend = {"onnxruntime"} if reference else {"tensorflow", "mtcnn"}
    assert needed_packages(script) - other_backend <= available
    assert needed_packages(script)


def test_every_script_of_a_rule_has_its_environment_checked():
    scripts = set(re.findall(r'workflow_scripts/(\w+/\w+)\.py"', RULES))
    assert scripts == {script for _, script in ENVIRONMENTS}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_dependencies_are_those_of_the_syntax_tree(path):
    found, waiting = set(), [path]
    while waiting:
        for name in imported_names(waiting.pop()):
            if name.startswith("workflow_scripts.lib"):
                module = Path(*name.split("."))
                packages = (above / "__init__.py" for above in (module, *module.parents[:-2]))
                for file in (module.with_suffix(".py"), *packages):
                    if (ROOT / file).is_file() and str(file) not in found:
                        found.add(str(file))
                        waiting.append(ROOT / file)
    assert library_modules(f"{path.parent.name}/{path.stem}") == sorted(found)


def test_dependencies_are_found_through_every_kind_of_import():
    lib = "workflow_scripts/lib"
    modules = (
        *("__init__", "common/__init__", "common/errors", "common/files", "common/labels"),
        *("data/__init__", "data/demo"),
    )
    assert library_modules("data/make_demo_video") == [f"{lib}/{name}.py" for name in modules]
    faces = library_modules("faces/crop_faces")
    assert {f"{lib}/faces/mtcnn.py", f"{lib}/faces/frames.py"} <= set(faces)
    assert "workflow_scripts/lib/store/zarr_store.py" not in faces
    features = "workflow_scripts/lib/features"  # a package: all of it
    assert {f"{features}/{name}.py" for name in ("__init__", "dct", "_blocks")} <= set(
        library_modules("training/train_model")
    )
    for path in SCRIPTS:
        if "workflow_scripts.lib" in path.read_text().split("__main__")[0]:
            assert library_modules(f"{path.parent.name}/{path.stem}"), path.stem


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_are_main_and_a_guard(path):
    body = ast.parse(path.read_text()).body
    assert ast.get_docstring(ast.parse(path.read_text()))
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    assert "main" in functions
    allowed = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef)
    assert all(isinstance(node, allowed) for node in body[:-1])
    assert isinstance(body[-1], ast.If)
    assert ast.unparse(body[-1].test) == "__name__ == '__main__'"


def test_each_rule_has_its_script_log_and_environment():
    for name, body in re.findall(
        r"^ *rule (\w+):\n(.*?)(?=^ *rule |\Z)", RULES, re.MULTILINE | re.DOTALL
    ):
        (script,) = re.findall(r'"\.\./workflow_scripts/(\w+/\w+)\.py"', body)
        assert script.endswith(f"/{name}")
        for directive in ("log:", "conda:"):
            assert directive in body, (name, directive)


def test_pages_that_are_made_are_up_to_date():
    for name, page in PAGES.items():
        assert (ROOT / "docs" / name).read_text() == page()


def test_the_page_on_robustness_tells_of_every_kind_what_must_come_of_it():
    text = (ROOT / "docs/robustness.md").read_text()
    # written by python -m tests.robustness and python -m tests.faults
    _, videos, around, servers, *tables, model_files, faults = text.split("\n## ")
    every_test = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for kind, outcome, test in HABITS:
        assert f"\n| {kind} | {outcome} | `{test}` |" in around
        assert f"\ndef {test}(" in every_test
    for kind, clip in ODD_CLIPS.items():
        assert f"\n| {kind.replace('_', ' ')} | {clip.frames} | `{clip.final}` |" in videos
    for fault in FAULTS.values():
        row = re.search(rf"^\| {fault.what} \| {fault.requests} \| (.*)", servers, re.MULTILINE)
        assert row, fault.what
        assert (fault.refused or "the whole file") in row[1]
    for table, kinds in zip(tables, (MANIFESTS, CONFIGS), strict=True):
        for kind, (_, words) in kinds.items():
            row = re.search(rf"^\| {kind} \| (.*) \|$", table, re.MULTILINE)
            assert row, kind
            assert (words or "read") in row[1]
    for kind in MODEL_FILES:
        assert f"\n| {kind} | The model FILE" in model_files
    for words in (
        "`kill -9`",
        *(f"a full disk, {stage}" for stage in STAGES),
        "a bit",
        "two users",
    ):
        assert re.search(rf"^\| {words}.* \| nothing[^|]*\|$", faults, re.MULTILINE), words


def test_each_figure_of_the_report_has_its_caption():
    files = re.findall(r'figure\(\s*"([^"]+)"', RULES)
    captions = {Path(file).stem.removesuffix("_{label}") for file in files}
    assert captions == {path.stem for path in (ROOT / "report").glob("*.rst")} - {"workflow"}


def test_links_between_pages_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("profiles/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_folder_of_the_snakefile_comes_before_the_installed_project(tmp_path):
    (tmp_path / "workflow_scripts").mkdir()
    (tmp_path / "workflow_scripts/__init__.py").touch()
    # as Snakemake begins a script, behind what Python itself has put there
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import workflow_scripts as w; print(w)"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    assert str(tmp_path) in ended.stdout


def test_make_hands_any_name_on_as_it_is():
    names = ("VIDEO=a$b \"q\" 'c'.mp4", "JUDGE=x$(y) $$z.zip")
    show = "--eval=show: ; @printenv VIDEO JUDGE"
    ended = subprocess.run(
        ["make", "--silent", show, "show", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines() == [name.partition("=")[2] for name in names]


def test_the_hosted_tests_name_targets_that_exist():
    pages = sorted((ROOT / ".github/workflows").glob("*.yml"))
    assert pages
    steps = [
        step["run"]
        for page in pages
        for job in yaml.safe_load(page.read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    makefile = (ROOT / "Makefile").read_text()
    named = re.findall(r"\bmake ([a-z-]+)", "\n".join([*steps, (ROOT / ".ci/run").read_text()]))
    assert {"test", "test-all", "lint"} <= set(named)
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"(?:TESTS=|\s)(tests/\S+|\.ci/\S+)", "\n".join(steps)):
        assert (ROOT / path).exists(), path


def test_a_file_that_goes_while_its_folder_is_copied_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "from").mkdir()
    for name in ("code.pyc", "code.pyc.140581", "tests.py"):
        (tmp_path / "from" / name).write_text(name)
    copy = shutil.copy2

    def copy_of_what_moves(source, target):
        (tmp_path / "from/code.pyc.140581").unlink(missing_ok=True)
        return copy(source, target)

    monkeypatch.setattr(shutil, "copy2", copy_of_what_moves)
    copy_tree(tmp_path / "from", tmp_path / "to")
    assert {path.name for path in (tmp_path / "to").iterdir()} == {"code.pyc", "tests.py"}

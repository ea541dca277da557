"""Where things lie: one name per stage, and imports in one direction."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIB = ROOT / "workflow_scripts/lib"
STAGES = (
    *("data", "faces", "store", "features", "training", "evaluation", "verdicts", "provenance"),
)
# what each package of the library may import of the others
ARROWS = {
    "common": set(),
    "data": {"common"},
    "faces": {"common"},
    "features": set(),
    "store": {"common", "data"},
    "training": {"common", "features", "store"},
    "evaluation": {"common", "data", "store", "training"},
    "verdicts": {"common", "data", "faces", "features", "training", "evaluation"},
    "provenance": {"common", "data", "faces", "store"},
    "config": {"common", "data", "features", "training"},
}


def imported_packages(package):
    files = [LIB / f"{package}.py"] if package == "config" else (LIB / package).rglob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in files]
    found = {name for text in texts for name in re.findall(r"workflow_scripts\.lib\.(\w+)", text)}
    return found - {package}


@pytest.mark.parametrize("package", ARROWS)
def test_a_package_imports_what_it_may_and_no_more_is_allowed(package):
    assert imported_packages(package) == ARROWS[package]


def test_every_package_is_named_and_none_imports_itself_through_others():
    packages = {path.parent.name for path in LIB.glob("*/__init__.py")}
    assert packages | {"config"} == ARROWS.keys()
    assert list(TopologicalSorter(ARROWS).static_order())


def test_a_stage_has_the_same_name_everywhere():
    for stage in STAGES:
        assert (ROOT / f"rules/{stage}.smk").is_file()
        for folder in ("workflow_scripts", "workflow_scripts/lib", "tests/unit"):
            assert (ROOT / folder / stage).is_dir(), f"{folder}/{stage}"
    rules = {path.stem for path in (ROOT / "rules").glob("*.smk")}
    assert rules == {*STAGES, "common", "report"}


def test_packages_hold_their_code_in_modules():
    for path in (ROOT / "workflow_scripts").rglob("__init__.py"):
        if path.parent.name not in ("features", "array_models", "lib"):
            assert path.read_text() == "", path

"""What the code's structure costs those who live in it, in numbers.

    python -m tests.structure [FOLDER]    # of another checkout, to compare

Modules by folder, arrows between folders of the library, the longest files, the lines of the
product (without tests and docs), and how many rules run again when a comment in a module is edited.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

IMPORT = re.compile(
    r"^[ \t]*(?:from (workflow_scripts[\w.]*) import (\([^)]*\)|.+)"
    r"|import (workflow_scripts[\w.]*))",
    re.MULTILINE,
)
LONGEST = 5


def imported(root: Path, file: Path) -> set[Path]:
    """The project's modules that a file imports itself, wherever in it but under its guard."""
    text = file.read_text(encoding="utf-8").partition("\nif __name__ ==")[0]
    names = set()
    for package, members, module in IMPORT.findall(text):
        names.add(package or module)
        words = re.sub(r"#.*", "", members).strip("() \n").split(",")
        names |= {f"{package}.{word.split()[0]}" for word in words if word.strip()}
    paths = (root.joinpath(*name.split(".")) for name in names)
    found = {p for path in paths for p in (path.with_suffix(".py"), path / "__init__.py")}
    return {path for path in found if path.is_file()}


def reached(root: Path, file: Path) -> set[Path]:
    """All that a file imports, directly or not."""
    found, waiting = set[Path](), [file]
    while waiting:
        new = imported(root, waiting.pop()) - found
        found |= new
        waiting += new
    return found


def main(arguments: list[str]) -> int:
    """Print the numbers; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.structure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parents[1])
    root = parser.parse_args(arguments).folder.resolve()
    code, library = root / "workflow_scripts", root / "workflow_scripts/lib"
    modules = sorted(path for path in code.rglob("*.py") if path.name != "__init__.py")
    rules = sorted((root / "rules").rglob("*.smk"))
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules + rules}

    print("Modules by folder:")
    for folder, count in sorted(Counter(path.parent for path in modules).items()):
        print(f"  {folder.relative_to(root)}: {count}")
    print("Arrows between the library's folders:")
    arrows = {
        (folder_of(library, path), folder_of(library, other))
        for path in library.rglob("*.py")
        for other in imported(root, path)
        if other.is_relative_to(library)
    }
    for folder in sorted({one for one, _ in arrows}):
        others = sorted(other for one, other in arrows if one == folder != other)
        print(f"  {folder} -> {', '.join(others) or 'none'}")
    print(f"Lines of Python and rules: {sum(lines.values())}; the longest files:")
    for path in sorted(lines, key=lambda path: -lines[path])[:LONGEST]:
        print(f"  {path.relative_to(root)}: {lines[path]}")
    print(f"  rules/common.smk: {lines[root / 'rules/common.smk']}")

    text = "".join(path.read_text(encoding="utf-8") for path in rules)
    scripts = [root / name for name in set(re.findall(r"workflow_scripts/[\w/]+\.py", text))]
    behind = {script: reached(root, script) for script in scripts}
    print(f"Of {len(scripts)} rules with a script, an edited comment runs again:")
    counts = {
        path: sum(path in files for files in behind.values())
        for path in modules
        if path.is_relative_to(library)
    }
    for path in sorted(counts, key=lambda path: (-counts[path], path)):
        if counts[path]:
            print(f"  {counts[path]:3} {path.relative_to(library)}")
    return 0


def folder_of(library: Path, path: Path) -> str:
    """The library's folder that a module lies in; a module beside them is its own."""
    return path.relative_to(library).parts[0].removesuffix(".py")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

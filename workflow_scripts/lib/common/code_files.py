"""Which files of the project a script depends on, read off its imports, and what they hold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from workflow_scripts.lib.common.files import sha256

__all__ = ["ROOT", "code_digest", "content_digest", "library_modules", "with_code"]

ROOT = Path(__file__).parents[3]
GUARD = "\nif __name__ =="  # what a script needs to be wired to Snakemake changes nothing it makes
# Each start of snakemake, and of each job on a cluster, reads all modules: to parse them for their
# imports alone would double what the rules cost.
IMPORT = re.compile(
    r"^[ \t]*(?:from (?P<package>workflow_scripts\.lib[\w.]*) import (?P<names>\([^)]*\)|.+)"
    r"|import (?P<module>workflow_scripts\.lib[\w.]*))",
    re.MULTILINE,
)


@cache
def library_modules(script: str) -> list[str]:
    """The project's files that `workflow_scripts/{script}.py` imports, directly or not, with the
    `__init__.py` of their packages, relative to the project's root, sorted."""
    found: set[str] = set()
    waiting = [f"workflow_scripts/{script}.py"]
    while waiting:
        new = _imported_files(waiting.pop()) - found
        found |= new
        waiting += new
    return sorted(found)


@cache
def _imported_files(file: str) -> frozenset[str]:
    """The library's files that one file imports, wherever in it, except under its guard."""
    text = (ROOT / file).read_text(encoding="utf-8").partition(GUARD)[0]
    return frozenset(path for name in _imported_names(text) for path in _files_of(name))


def _imported_names(text: str) -> Iterator[str]:
    for found in IMPORT.finditer(text):
        package = found["package"] or found["module"]
        yield package
        names = re.sub(r"#.*", "", found["names"] or "").strip("() \n").split(",")
        # a name may be a module or something in it
        yield from (f"{package}.{name.split()[0]}" for name in names if name.strip())


@cache
def _files_of(name: str) -> tuple[str, ...]:
    """The file of a module, and those of the packages around it; if the name is something in a
    module, the packages' alone."""
    path = Path(*name.split("."))
    packages = (folder / "__init__.py" for folder in (path, *path.parents[:-2]))
    return tuple(str(f) for f in (path.with_suffix(".py"), *packages) if (ROOT / f).is_file())


@cache
def code_digest(script: str) -> str:
    """A digest of the project's modules that a script imports: the same for the same code, wherever
    and since when it lies. The script itself Snakemake watches."""
    return content_digest(ROOT / path for path in library_modules(script))


def content_digest(files: Iterable[str | Path]) -> str:
    """A digest of what files hold, 32 hexadecimal digits; their names and order don't matter."""
    digests = sorted(_digest(Path(path)) for path in files)
    return hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()


def with_code(path: str) -> str:
    """A file of the working directory or, where it has none of this name, the one that comes with
    the code."""
    return path if Path(path).exists() or not (ROOT / path).exists() else str(ROOT / path)


@cache
def _digest(path: Path) -> str:
    return sha256(path)

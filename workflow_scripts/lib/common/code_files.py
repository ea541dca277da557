"""The project's files that a script depends on, read from its imports, and their digest."""

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from workflow_scripts.lib.common.files import sha256

ROOT = Path(__file__).parents[3]
_sha256 = cache(sha256)
GUARD = "\nif __name__ =="  # the code below it passes arguments and does not affect results
# A regular expression, because each start of snakemake, and of each job on a cluster, reads all
# modules: parsing them would double the time that reading the rules takes.
IMPORT = re.compile(
    r"^[ \t]*(?:from (?P<package>workflow_scripts\.lib[\w.]*) import (?P<names>\([^)]*\)|.+)"
    r"|import (?P<module>workflow_scripts\.lib[\w.]*))",
    re.MULTILINE,
)


@cache
def library_modules(script: str) -> list[str]:
    """The project's files that `workflow_scripts/{script}.py` imports, directly or indirectly, with
    the `__init__.py` of their packages, relative to the project's root, sorted."""
    modules: set[str] = set()
    queue = [f"workflow_scripts/{script}.py"]
    while queue:
        new = _imported_files(queue.pop()) - modules
        modules |= new
        queue += new
    return sorted(modules)


@cache
def _imported_files(file: str) -> frozenset[str]:
    """The library's files that one file imports directly, anywhere above its guard."""
    text = (ROOT / file).read_text(encoding="utf-8").partition(GUARD)[0]
    names = set[str]()
    for match in IMPORT.finditer(text):
        package = match["package"] or match["module"]
        members = re.sub(r"#.*", "", match["names"] or "").strip("() \n").split(",")
        # a member may be a module
        names |= {package, *(f"{package}.{name.split()[0]}" for name in members if name.strip())}
    return frozenset(path for name in names for path in _files_of(name))


@cache
def _files_of(name: str) -> tuple[str, ...]:
    """The file of a module, if the name is one, and the `__init__.py` of its packages."""
    path = Path(*name.split("."))
    packages = (folder / "__init__.py" for folder in (path, *path.parents[:-2]))
    return tuple(str(f) for f in (path.with_suffix(".py"), *packages) if (ROOT / f).is_file())


@cache
def code_digest(script: str) -> str:
    """A digest of the project's modules that a script imports, independent of where the project is
    and of modification times. Snakemake itself tracks the script."""
    return content_digest(ROOT / path for path in library_modules(script))


def content_digest(files: Iterable[str | Path]) -> str:
    """A digest of the contents of files in any order, 32 hexadecimal digits."""
    digests = sorted(_sha256(Path(path)) for path in files)
    return hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()


def with_code(path: str) -> str:
    """The path of a file in the working directory or, if it has none, beside the code."""
    return path if Path(path).exists() or not (ROOT / path).exists() else str(ROOT / path)

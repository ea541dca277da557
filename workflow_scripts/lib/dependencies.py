"""Which files of the project a script depends on, read off its imports, and what they hold."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

__all__ = ["code_digest", "content_digest", "imported_names", "library_modules"]

ROOT = Path(__file__).parents[2]


@cache
def imported_names(path: Path) -> frozenset[str]:
    """The dotted names that a file imports, wherever in it, except under its guard: what a script
    needs to be wired to Snakemake does not change what it makes."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Import):
                names.update(alias.name for alias in part.names)
            elif isinstance(part, ast.ImportFrom) and part.module:
                # a name may be a module or something in it
                names.update((part.module, *(f"{part.module}.{name.name}" for name in part.names)))
    return frozenset(names)


@cache
def library_modules(script: str) -> list[str]:
    """The project's files that `workflow_scripts/{script}.py` imports, directly or not, relative
    to the project's root, sorted."""
    found: set[Path] = set()
    waiting = [Path("workflow_scripts", f"{script}.py")]
    while waiting:
        for name in imported_names(ROOT / waiting.pop()):
            path = Path(*name.split("."))
            for file in (path.with_suffix(".py"), path / "__init__.py"):  # a module or a package
                if name.startswith("workflow_scripts.lib.") and (ROOT / file).is_file():
                    if file not in found:
                        waiting.append(file)
                    found.add(file)
    return sorted(map(str, found))


def code_digest(script: str) -> str:
    """A digest of the project's modules that a script imports: the same for the same code, wherever
    and since when it lies. The script itself Snakemake watches."""
    return content_digest([ROOT / path for path in library_modules(script)])


def content_digest(files: Iterable[str | Path]) -> str:
    """A digest of what files hold, 32 hexadecimal digits; their names and order don't matter."""
    digests = sorted(_digest(Path(path)) for path in files)
    return hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""Where downloaded files may lie."""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError

__all__ = ["check_apart", "place_below"]


def check_apart(paths: Iterable[str]) -> None:
    """Refuse two rows of a manifest that are one file, since two downloads would write it at once.

    Raises
    ------
    UserError
        Names one such file.
    """
    twice = [path for path, rows in Counter(map(os.path.normpath, paths)).items() if rows > 1]
    if twice:
        raise UserError(
            f"The manifest has {len(twice)} files in more than one row, {twice[0]!r} for example, "
            "and a file is downloaded once. Keep one row of each."
        )


def place_below(folder: Path, path: Path) -> Path:
    """The place of a file in the download's folder, which is its place on the server too.

    Raises
    ------
    UserError
        It lies elsewhere; or its path climbs, and so would lead out of the folder, or out of the
        data set on the server.
    """
    if not path.is_relative_to(folder) or ".." in path.relative_to(folder).parts:
        raise UserError(
            f"The manifest has the path {str(path)!r}, which is not to be downloaded: it must "
            f"begin with download.folder ({folder}), and have no '..' behind that. Correct it."
        )
    return path.relative_to(folder)

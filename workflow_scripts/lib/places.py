"""Where a downloaded file may lie."""

from __future__ import annotations

from pathlib import Path

from workflow_scripts.lib.run import UserError

__all__ = ["place_below"]


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

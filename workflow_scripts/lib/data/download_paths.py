"""Checks of the paths that downloads are written to."""

import os.path
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError


def check_unique_paths(paths: Iterable[str]) -> None:
    """Raise a UserError if two rows name the same file, which two jobs would write at once."""
    count = Counter(map(os.path.normpath, paths))
    duplicates = [path for path, rows in count.items() if rows > 1]
    if duplicates:
        raise UserError(
            f"The manifest has {len(duplicates)} files in more than one row, for example "
            f"{duplicates[0]!r}, but each file is downloaded once. Keep one row per file."
        )


def path_in_dataset(folder: Path, path: Path) -> Path:
    """The path of a file relative to the download folder, which is its path on the server too.

    Raises a UserError for a path outside the folder, or one that could leave it through '..'.
    """
    if not path.is_relative_to(folder) or ".." in path.relative_to(folder).parts:
        raise UserError(
            f"The path {str(path)!r} in the manifest cannot be downloaded: it must start with "
            f"download.folder ({folder}), and have no '..' behind that. Correct the manifest."
        )
    return path.relative_to(folder)

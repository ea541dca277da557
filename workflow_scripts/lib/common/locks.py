"""Locks that end with the process that holds them."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError

__all__ = ["hold_lock"]

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)


def hold_lock(path: Path, wait: bool, shared: bool = False) -> None:
    """Hold the lock file `path` until this process ends, in whatever way it ends.

    Any number of processes may hold it as `shared`: they read what it guards, which may be somebody
    else's folder, and write nothing there. A file system that has no locks (Lustre mounted without
    flock, some NFS) gets a warning.

    Raises
    ------
    UserError
        Another process holds it, and `wait` is false.
    """
    if not shared:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # stays open on purpose
        lock = os.open(path, os.O_RDONLY if shared else os.O_CREAT | os.O_RDWR, 0o666)
    except (FileNotFoundError, PermissionError) as error:
        if shared:
            return  # nobody has worked there, or nobody whom this user could disturb
        raise UserError(
            f"{path} belongs to somebody else, who works here or did. Work in a folder of your "
            "own, or have them let your group write there (umask 002)."
        ) from error
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if not wait:
            raise UserError(
                f"Another snakemake works here already (it holds {path}). "
                "Wait until it has ended, or end it."
            ) from error
        logging.warning("Waiting for another process that holds %s", path)
        fcntl.flock(lock, kind)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        logging.warning(
            "%s can't be locked on this file system (%s): nothing keeps a second snakemake from "
            "writing the same files. Start only one at a time.",
            path,
            error.strerror,
        )

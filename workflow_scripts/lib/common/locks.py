"""File locks that end with the process that holds them."""

import errno
import fcntl
import logging
import os
from pathlib import Path

from workflow_scripts.lib.common.errors import UserError

UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)


def acquire_lock(path: Path, wait: bool, shared: bool = False) -> None:
    """Lock the file `path` until this process ends.

    Any number of processes may hold a `shared` lock: they only read the folder, which may be
    another user's, and create no file there. File systems without locks (Lustre mounted without
    flock, some NFS) get a warning.

    Raises
    ------
    UserError
        Another process holds it, and `wait` is false.
    """
    if not shared:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # never closed: that would release the lock
        lock = os.open(path, os.O_RDONLY if shared else os.O_CREAT | os.O_RDWR, 0o666)
    except (FileNotFoundError, PermissionError) as error:
        if shared:
            return  # no writer has been there, or none whom this user could disturb
        raise UserError(
            f"{path} belongs to another user, who has run the workflow here. Work in your own "
            "folder, or ask them to give your group write access (umask 002)."
        ) from error
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(lock, mode | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if not wait:
            raise UserError(
                f"Another snakemake is already running here (it has locked {path}). "
                "Wait until it ends, or stop it."
            ) from error
        logging.warning("Waiting for another process that has locked %s", path)
        fcntl.flock(lock, mode)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        logging.warning(
            "%s can't be locked on this file system (%s), so a second snakemake could write the "
            "same files. Start only one at a time.",
            path,
            error.strerror,
        )

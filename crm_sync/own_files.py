"""Folders for what a run keeps on disk for a moment: its user's alone, and gone at the next start if it is killed."""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from crm_sync.errors import DatabaseUnavailableError

_LOCK = "in-use"
# Between making a folder and locking it.
_NEW_SECONDS = 60.0
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def own_folder(purpose: str) -> Iterator[Path]:
    """Give a folder that is gone afterwards; raises DatabaseUnavailableError when its disk is full.

    People's records are in it, so what a killed run has left behind is removed first.
    """
    remove_remains()
    try:
        with TemporaryDirectory(prefix=_prefix(purpose)) as name, (Path(name) / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(name)
    except OSError as problem:
        if problem.errno not in _FULL:
            raise
        raise DatabaseUnavailableError(
            f"The folder for temporary files, {gettempdir()}, has no room left; make room, or name another one in the "
            "environment variable TMPDIR, then run this again."
        ) from None


def remove_remains() -> None:
    """Remove this user's folders whose process is gone: nobody holds their lock."""
    for folder in Path(gettempdir()).glob(f"{_prefix('*')}*"):
        try:
            if time.time() - folder.stat().st_mtime < _NEW_SECONDS or folder.stat().st_uid != os.getuid():
                continue
            with (folder / _LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # in use, or gone by now
            continue


def _prefix(purpose: str) -> str:
    return f"deployteq-salesforce-{os.getuid()}-{purpose}-"

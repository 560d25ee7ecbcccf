"""What the processes of one test session share: a folder, whoever of them needs it first makes what is in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_FOLDER = "TESTS_SHARED_FOLDER"
_KEY = pytest.StashKey[TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder in the process that starts the others, which inherit its name."""
    if not hasattr(config, "workerinput"):
        # Not in pytest's own folder, which PostgreSQL's user may not enter when root runs the tests.
        config.stash[_KEY] = TemporaryDirectory(prefix="crm-sync-tests-", ignore_cleanup_errors=True)
        os.environ[_FOLDER] = config.stash[_KEY].name


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder."""
    if _KEY in config.stash:
        config.stash[_KEY].cleanup()


def shared_folder() -> Path:
    """Return the folder."""
    return Path(os.environ[_FOLDER])


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let one process at a time do this."""
    with (shared_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

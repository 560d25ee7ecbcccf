"""A synced org and its customers, ready to be pushed back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.pushes import Pushes, start_pushes, synced_with_options


@pytest.fixture
def pushes(tmp_path: Path, sqlite_url: str) -> Iterator[Pushes]:
    """Give a synced org whose customers have options."""
    with start_pushes(tmp_path, sqlite_url, synced_with_options) as started:
        yield started


@pytest.fixture
def both_pushes(tmp_path: Path, database_url: str) -> Iterator[Pushes]:
    """Give the same, once with SQLite and once with PostgreSQL."""
    with start_pushes(tmp_path, database_url, synced_with_options) as started:
        yield started

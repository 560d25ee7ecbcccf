"""A customer database that has the key of the stories' hashes."""

from collections.abc import Iterator

import pytest

from crm_sync.database.engine import CustomerDatabase
from tests.rigs.story import HASHES


@pytest.fixture
def keyed(database_url: str) -> Iterator[CustomerDatabase]:
    """Open a customer database, on both kinds, with the key of its hashes."""
    opened = CustomerDatabase(database_url, HASHES.key)
    yield opened
    opened.close()

"""The clock that all hosts share: PostgreSQL's, however wrong a host's own is."""

from datetime import UTC, datetime, timedelta

import pytest

from crm_sync.database.clock import shared_clock
from crm_sync.database.engine import CustomerDatabase


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(hours=-2), timedelta()])
def test_a_host_whose_clock_is_wrong_has_postgresqls(database: CustomerDatabase, ahead: timedelta) -> None:
    def wrong() -> datetime:
        return datetime.now(UTC) + ahead

    clock = shared_clock(database, wrong)

    with database.transaction() as connection:
        is_shared = connection.dialect.name == "postgresql"
    off = abs(clock() - datetime.now(UTC))
    # A file is opened by the processes of one host.
    assert off < timedelta(minutes=1) if is_shared else clock is wrong

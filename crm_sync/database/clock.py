"""One clock for all hosts that share the customer database: its own."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select

from crm_sync.database.engine import CustomerDatabase

_NO_MATTER = timedelta(seconds=2)


def shared_clock(database: CustomerDatabase, clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """Return the clock of this host, set by PostgreSQL's; a file has no clock, and one host only.

    The hour of the request ledger is everybody's: a host whose clock is ahead would see an empty one.
    """
    with database.transaction() as connection:
        if connection.dialect.name != "postgresql":
            return clock
        ahead = clock() - connection.execute(select(func.clock_timestamp())).scalar_one()
    return clock if abs(ahead) < _NO_MATTER else lambda: clock() - ahead

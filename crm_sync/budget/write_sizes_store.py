"""How many records at once an org's own triggers and flows take, as a run has found out."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from crm_sync.database.dialects import put_row
from crm_sync.database.tables.budget import org_write_size

# The org may have been mended meanwhile.
_KEPT_FOR = timedelta(days=7)


def read_write_size(connection: Connection, org: str, now: datetime) -> int | None:
    """Return the size that was found in the last days, None when none was."""
    table = org_write_size.c
    return connection.scalars(select(table.records).where(table.org == org, table.found_at > now - _KEPT_FOR)).first()


def save_write_size(connection: Connection, org: str, records: int, now: datetime) -> None:
    """Remember a size that the org has taken, after it did not take a larger one."""
    put_row(connection, org_write_size, {"org": org}, {"records": records, "found_at": now})

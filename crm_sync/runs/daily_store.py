"""What is to be done once a day, whichever run comes first."""

from datetime import datetime

from sqlalchemy import Connection, select

from crm_sync.database.dialects import put_row
from crm_sync.database.tables.consent import installation


def is_first_today(connection: Connection, name: str, now: datetime) -> bool:
    """Return whether this is the day's first call under a name, and note it."""
    today = now.date().isoformat()
    if connection.scalar(select(installation.c.value).where(installation.c.name == name)) == today:
        return False
    put_row(connection, installation, {"name": name}, {"value": today})
    return True

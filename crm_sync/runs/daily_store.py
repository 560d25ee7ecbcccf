"""What is to be done once a day, whichever run comes first."""

from datetime import datetime

from sqlalchemy import Connection, select

from crm_sync.database.dialects import insert_for
from crm_sync.database.tables.consent import installation


def is_first_today(connection: Connection, name: str, now: datetime) -> bool:
    """Return whether this is the day's first call under a name, and note it."""
    today = now.date().isoformat()
    if connection.scalar(select(installation.c.value).where(installation.c.name == name)) == today:
        return False
    insert = insert_for(connection, installation).values(name=name, value=today)
    connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": today}))
    return True

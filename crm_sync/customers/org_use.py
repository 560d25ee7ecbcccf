"""What the org last said of its rolling 24 hours, shared by all processes."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from crm_sync.budget.rules import OrgUsage
from crm_sync.database.dialects import insert_for
from crm_sync.database.tables.budget import org_use
from crm_sync.requests import ApiUsage


def read_org_use(connection: Connection, org: str) -> OrgUsage | None:
    """Return the last figures, None before the first answer."""
    row = connection.execute(select(org_use).where(org_use.c.org == org)).mappings().one_or_none()
    return None if row is None else OrgUsage(**{name: value for name, value in row.items() if name != "org"})


def save_org_use(connection: Connection, org: str, usage: ApiUsage, seen_at: datetime) -> None:
    """Keep the figures of an answer, unless newer ones are kept."""
    row = {
        "used": usage.used,
        "allowed": usage.allowed,
        "app_used": usage.app_used,
        "app_allowed": usage.app_allowed,
        "is_bursting": usage.is_bursting,
        "seen_at": seen_at,
    }
    statement = insert_for(connection, org_use).values(org=org, **row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["org"], set_=row, where=org_use.c.seen_at <= seen_at)
    )


def ask_anew(connection: Connection, org: str, now: datetime) -> None:
    """Let one request ask for new figures: until it is answered, the old ones count as new."""
    connection.execute(update(org_use).values(seen_at=now).where(org_use.c.org == org))

"""What runs did to customers within a day without asking anybody: a mass change may come in parts."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from crm_sync.database.tables.safety import let_through

_WITHIN = timedelta(days=1)


def read_let_through(connection: Connection, now: datetime) -> dict[str, int]:
    """Return by effect how many customers runs have changed within a day before this one."""
    total = func.sum(let_through.c.customers)
    query = select(let_through.c.effect, total).where(let_through.c.at > now - _WITHIN).group_by(let_through.c.effect)
    return {effect: int(customers) for effect, customers in connection.execute(query)}


def note_let_through(connection: Connection, customers: Mapping[str, int], now: datetime) -> None:
    """Keep by effect how many customers a run changes without asking; what is a day old is forgotten."""
    connection.execute(delete(let_through).where(let_through.c.at <= now - _WITHIN))
    if rows := [{"effect": effect, "customers": number, "at": now} for effect, number in customers.items() if number]:
        connection.execute(insert(let_through), rows)


def count_anew(connection: Connection, effects: Collection[str]) -> None:
    """Forget what was let through of these effects: a person has approved them."""
    connection.execute(delete(let_through).where(let_through.c.effect.in_(effects)))

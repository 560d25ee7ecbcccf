"""How far the connection to an account has come: paired, accepted, the first customers made and approved."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from crm_sync.database.dialects import put_row
from crm_sync.database.tables.deployteq import deployteq_connection, deployteq_customer

# When the account has changed by more than this since the pairing was accepted, a person looks again.
_CHANGED_PERCENT = 1.0


@dataclass(frozen=True)
class ConnectionState:
    """What a person has accepted of a connection, and how many customers were made in it."""

    paired_at: datetime | None
    customers_there: int
    accepted_at: datetime | None
    accepted_customers: int
    approved_at: datetime | None
    swept_at: datetime | None
    made: int

    @property
    def is_accepted(self) -> bool:
        """Whether the pairing was accepted, as the account was then."""
        if self.accepted_at is None:
            return False
        changed = abs(self.customers_there - self.accepted_customers - self.made)
        return self.made > 0 or changed * 100 <= max(self.accepted_customers, 100) * _CHANGED_PERCENT


def read_connection(connection: Connection, brand: str) -> ConnectionState:
    """Return the state of a connection; that of a new one when nothing is kept."""
    kept = deployteq_connection.c
    columns = [kept.paired_at, kept.customers_there, kept.accepted_at, kept.accepted_customers]
    row = connection.execute(select(*columns, kept.approved_at, kept.swept_at).where(kept.brand == brand)).one_or_none()
    made = connection.scalar(
        select(func.count()).where(
            deployteq_customer.c.brand == brand, deployteq_customer.c.first_delivered_at.is_not(None)
        )
    )
    if row is None:
        return ConnectionState(None, 0, None, 0, None, None, made or 0)
    return ConnectionState(
        row.paired_at,
        row.customers_there or 0,
        row.accepted_at,
        row.accepted_customers or 0,
        row.approved_at,
        row.swept_at,
        made or 0,
    )


def note_connection(connection: Connection, brand: str, **values: Any) -> None:
    """Keep something about a connection: columns of `deployteq_connection`."""
    put_row(connection, deployteq_connection, {"brand": brand}, values)

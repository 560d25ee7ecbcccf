"""Customers that a reading of the whole account did not show: deleted there, when it happens twice."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, case, func, literal, or_, select, update

from crm_sync.database.dialects import write_and_count
from crm_sync.database.tables.customers import Instant
from crm_sync.database.tables.deployteq import deployteq_customer

# Where more than this share is suddenly gone, the reading is doubted and nobody is taken for deleted.
_PLAUSIBLE_SHARE = 0.4


@dataclass(frozen=True)
class Missing:
    """How many were not shown, how many of them for the second time, and whether that can be."""

    number: int = 0
    deleted: int = 0
    is_plausible: bool = True


def note_missing(connection: Connection, brand: str, started: datetime, now: datetime) -> Missing:
    """Note who was not shown by a reading that began at `started`."""
    mirror = deployteq_customer.c
    is_known = and_(mirror.brand == brand, mirror.deleted_there_at.is_(None))
    # What was made meanwhile is no part of the reading.
    is_absent = and_(is_known, mirror.read_at < started, or_(mirror.seen_at.is_(None), mirror.seen_at < started))
    known = connection.scalar(select(func.count()).where(is_known)) or 0
    absent = connection.scalar(select(func.count()).where(is_absent)) or 0
    if absent > max(known * _PLAUSIBLE_SHARE, 10):
        return Missing(absent, 0, is_plausible=False)
    twice = mirror.missing_since.is_not(None)
    deleted = connection.scalar(select(func.count()).where(is_absent, twice)) or 0
    moment = literal(now, Instant())
    write_and_count(
        connection,
        update(deployteq_customer)
        .values(
            missing_since=func.coalesce(mirror.missing_since, moment),
            deleted_there_at=case((twice, moment), else_=None),
        )
        .where(is_absent),
    )
    return Missing(absent, deleted)

"""Customers that a reading of the whole account did not show: deleted there, when it happens twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, case, func, literal, or_, select, update

from crm_sync.database.dialects import write_and_count
from crm_sync.database.tables.customers import Instant, customer
from crm_sync.database.tables.deployteq import deployteq_customer

# Where more than this share is suddenly gone, the reading is doubted and nobody is taken for deleted.
_PLAUSIBLE_SHARE = 0.4


@dataclass(frozen=True)
class Missing:
    """How many were not shown, how many of them for the second time, and whether that can be."""

    number: int = 0
    deleted: int = 0
    is_plausible: bool = True


def read_deleted(connection: Connection, brand: str, limit: int) -> list[int]:
    """Return the numbers of customers that were deleted in Deployteq and are not made again, the last ones first."""
    mirror = deployteq_customer.c
    query = (
        select(mirror.customer_id)
        .join_from(deployteq_customer, customer, customer.c.id == mirror.customer_id)
        .where(mirror.brand == brand, mirror.deleted_there_at.is_not(None), ~mirror.is_double)
        .where(customer.c.merged_into_customer_id.is_(None))
        .order_by(mirror.deleted_there_at.desc(), mirror.customer_id)
    )
    return [*connection.scalars(query.limit(limit))]


def make_again(connection: Connection, brand: str, customers: Sequence[int]) -> int:
    """Let go of the records of customers that were deleted in Deployteq, so that they count as new; returns how
    many."""
    mirror = deployteq_customer.c
    is_one = and_(mirror.customer_id.in_(customers), mirror.deleted_there_at.is_not(None), ~mirror.is_double)
    released = update(deployteq_customer).values(customer_id=None, compared_at=None)
    return write_and_count(connection, released.where(mirror.brand == brand, is_one))


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

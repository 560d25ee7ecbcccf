"""Which records in Deployteq are of customers that were joined to another one here, and in the group for them."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, and_, select, update

from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import customer
from crm_sync.database.tables.deployteq import deployteq_customer


def read_to_group(connection: Connection, brand: str) -> tuple[list[int], list[int]]:
    """Return the ids in Deployteq of joined customers that are not in the group yet, and of those in it that are on
    their own again."""
    mirror, is_joined = deployteq_customer.c, customer.c.merged_into_customer_id.is_not(None)
    known = (
        select(mirror.deployteq_id)
        .join_from(deployteq_customer, customer, customer.c.id == mirror.customer_id)
        .where(mirror.brand == brand, mirror.deleted_there_at.is_(None))
        .order_by(mirror.deployteq_id)
    )
    new, old = and_(is_joined, mirror.grouped_at.is_(None)), and_(~is_joined, mirror.grouped_at.is_not(None))
    return [*connection.scalars(known.where(new))], [*connection.scalars(known.where(old))]


def note_grouped(connection: Connection, brand: str, numbers: Sequence[int], at: datetime | None) -> None:
    """Note since when customers of Deployteq are in the group; None: they are not in it any more."""
    mirror = deployteq_customer.c
    types = {"deployteq_id": mirror.deployteq_id.type}
    staged = stage(connection, "staged_grouped", pd.DataFrame({"deployteq_id": numbers}), types)
    is_one = and_(mirror.brand == brand, mirror.deployteq_id.in_(select(staged.c.deployteq_id)))
    connection.execute(update(deployteq_customer).values(grouped_at=at).where(is_one))

"""Results in Deployteq that were asked for: kept until they are freed, so that a later run frees what one has left."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, or_, select, update

from crm_sync.database.dialects import put_row
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.deployteq import deployteq_resource

# A run that has held a result for so long is gone.
_LOST_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class KeptResources:
    """The results of a brand that are in use."""

    database: CustomerDatabase
    brand: str
    clock: Callable[[], datetime]

    def hold(self, number: int) -> None:
        """Keep that a result is in use."""
        values = {"held_at": self.clock(), "is_over": False}
        with self.database.transaction() as connection:
            put_row(connection, deployteq_resource, {"brand": self.brand, "resource_id": number}, values)

    def release(self, number: int, *, is_freed: bool) -> None:
        """Forget a result that is freed, or keep that it has to be."""
        kept = deployteq_resource.c
        is_it = and_(kept.brand == self.brand, kept.resource_id == number)
        statement = delete(deployteq_resource) if is_freed else update(deployteq_resource).values(is_over=True)
        with self.database.transaction() as connection:
            connection.execute(statement.where(is_it))


def read_leftovers(connection: Connection, brand: str, now: datetime) -> list[int]:
    """Return the results that nobody reads any more."""
    kept = deployteq_resource.c
    is_left = or_(kept.is_over, kept.held_at < now - _LOST_AFTER)
    return [*connection.scalars(select(kept.resource_id).where(kept.brand == brand, is_left))]

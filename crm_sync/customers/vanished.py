"""Records of the mirror that Salesforce no longer holds, not even in its recycle bin."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, select

from crm_sync.customers.mirror import as_read, read_records
from crm_sync.database.tables.customers import salesforce_record, watermark


def is_sole_source(connection: Connection, org: str) -> bool:
    """Tell whether nobody else has filled the mirror: of another org, or as a user who sees other records."""
    return not connection.scalars(select(watermark.c.org).where(watermark.c.org != org).limit(1)).all()


def live_ids(connection: Connection, sobject: str, *, after: str, before: datetime, limit: int) -> pd.Series:
    """Return Ids behind `after`, in the database's order, of records last stamped before a moment and not deleted."""
    rows = connection.scalars(
        select(salesforce_record.c.id)
        .where(
            salesforce_record.c.id > after,
            salesforce_record.c.sobject == sobject,
            salesforce_record.c.is_deleted.is_(False),
            salesforce_record.c.system_modstamp < before,
        )
        .order_by(salesforce_record.c.id)
        .limit(limit)
    )
    return pd.Series(list(rows), dtype="str")


def as_deleted(connection: Connection, ids: pd.Series, fields: list[str]) -> pd.DataFrame:
    """Return the mirror's records with these Ids as they were read, but as deleted ones."""
    return as_read(read_records(connection, ids).assign(is_deleted=True), fields)

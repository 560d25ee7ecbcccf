"""Records of the mirror that Salesforce no longer holds, not even in its recycle bin."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, select

from crm_sync.customers.mirror import read_records, to_records
from crm_sync.database.tables.customers import salesforce_record, watermark


def is_sole_source(connection: Connection, org: str) -> bool:
    """Return whether this org is the only one that filled the mirror, as one user."""
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


def to_deleted_records(connection: Connection, ids: pd.Series, fields: list[str]) -> pd.DataFrame:
    """Return the mirror's records with these Ids as they were read, marked as deleted."""
    return to_records(read_records(connection, ids).assign(is_deleted=True), fields)

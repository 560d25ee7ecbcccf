"""What Salesforce holds since something was written to it, in the mirror."""

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, cast, func, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB

from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import JSON_OBJECT, salesforce_record


def store_confirmed_values(connection: Connection, confirmed: pd.DataFrame, now: datetime) -> None:
    """Put values that Salesforce has accepted into the mirror: `id`, `field_values` (JSON object text of the fields).

    SystemModstamp stays as it is: the next pull reads the record again, and finds what is stored here.
    """
    if confirmed.empty:
        return
    staged = stage(connection, "staged_confirmed", confirmed[["id", "field_values"]])
    known = salesforce_record.c.field_values
    merged = (
        known.op("||")(cast(staged.c.field_values, JSONB))
        if connection.dialect.name == "postgresql"
        else func.json_patch(known, staged.c.field_values)
    )
    connection.execute(
        update(salesforce_record)
        .values(field_values=type_coerce(merged, JSON_OBJECT), pushed_at=now)
        .where(salesforce_record.c.id == staged.c.id)
    )

"""What Salesforce holds since something was written to it, in the mirror."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, case, cast, false, func, type_coerce, update
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


def is_own_write(connection: Connection, read: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """Tell whether a version of a record only brings back what this product wrote to it since the last reading.

    `read`: the columns `system_modstamp` and `field_values` of the version that was read; a later stamp than that of
    the write is somebody else's edit, also where no field that is linked changed.
    """
    known: ColumnElement[Any] = salesforce_record.c.field_values
    new = read["field_values"]
    if connection.dialect.name == "sqlite":
        # There a write leaves out the fields that it has cleared; patching nothing leaves them out of both.
        known, new = func.json_patch("{}", known), func.json_patch("{}", new)
    pushed_at = salesforce_record.c.pushed_at
    # The values last: SQLite works out every part of an AND, and patching JSON takes longer than reading the record.
    is_since = and_(pushed_at.is_not(None), read["system_modstamp"] <= pushed_at)
    return case((is_since, known == new), else_=false())

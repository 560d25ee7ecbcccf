"""Rows of a query, and records, as a frame; Ids in lists for a statement."""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Result, Row, Table, Text, cast, select

from crm_sync.database.staging import stage
from crm_sync.mapping.transform import RECORD_COLUMNS

# A hash that is missing in one row would turn the others into decimals.
_AS_TEXT = {"field_values", "address_hash"}


def frame_of(rows: Iterable[Row[Any]], columns: Iterable[str], dtype: str | None = None) -> pd.DataFrame:
    """Return the rows with these columns, of the types that pandas finds unless `dtype` is given."""
    # All at once: one by one, SQLAlchemy asks the driver for each.
    found = rows.all() if isinstance(rows, Result) else rows
    # A Row is no tuple: pandas would ask each for attributes that it lacks, which takes longer than reading it.
    return pd.DataFrame([*map(tuple, found)], columns=[*columns], dtype=dtype)


def records_of(connection: Connection, table: Table, ids: pd.Series) -> pd.DataFrame:
    """Return a table's rows with these Ids: RECORD_COLUMNS, `field_values` and `address_hash` as text."""
    wanted = stage(connection, "staged_id", ids.to_frame("id"))
    columns = (cast(table.c[name], Text) if name in _AS_TEXT else table.c[name] for name in RECORD_COLUMNS)
    query = select(*columns).join_from(wanted, table, table.c.id == wanted.c.id)
    return frame_of(connection.execute(query), RECORD_COLUMNS)


def in_parts(ids: pd.Series, *, size: int = 1_000) -> Iterator[list[str]]:
    """Yield Ids in lists; the default is far below the number of values that a statement may hold."""
    for start in range(0, len(ids), size):
        yield ids.iloc[start : start + size].tolist()

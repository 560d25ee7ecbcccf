"""Puts a frame into a temporary table as fast as the database can: COPY on PostgreSQL, executemany on SQLite."""

from io import BytesIO
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Boolean, Column, Connection, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from crm_sync.customers.tables import Instant

# Few enough to stay in the processor's cache as Python objects.
_ROWS_AT_ONCE = 4_000


def stage(
    connection: Connection, name: str, frame: pd.DataFrame, types: dict[str, TypeEngine[Any]] | None = None
) -> Table:
    """Make the temporary table `name` with the frame's rows, replacing an earlier one of that name.

    Boolean and UTC datetime columns keep their type, every other column is text unless `types` says otherwise.
    """
    # In one chunk: pyarrow 26 writes an empty chunk as CSV by writing whatever the memory held before.
    content = pa.Table.from_pandas(frame, preserve_index=False).combine_chunks()
    columns = [
        Column(field.name, (types or {}).get(field.name) or _column_type(field.type)) for field in content.schema
    ]
    table = Table(name, MetaData(), *columns, prefixes=["TEMPORARY"])
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
    table.create(connection)
    if connection.dialect.name == "postgresql":
        _copy(connection, table, content)
    else:
        _execute_many(connection, table, content)
    return table


def _column_type(arrow_type: pa.DataType) -> TypeEngine[Any]:
    if pa.types.is_boolean(arrow_type):
        return Boolean()
    return Instant() if pa.types.is_timestamp(arrow_type) else Text()


def _copy(connection: Connection, table: Table, content: pa.Table) -> None:
    # Text is quoted and null is not, which is how COPY tells an empty text from null.
    rows = BytesIO()
    csv.write_csv(content, rows, csv.WriteOptions(include_header=False, quoting_style="needed"))
    names = ", ".join(f'"{name}"' for name in content.column_names)
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(rows.getbuffer())


def _execute_many(connection: Connection, table: Table, content: pa.Table) -> None:
    marks = ", ".join("?" * content.num_columns)
    statement = f"INSERT INTO {table.name} VALUES ({marks})"  # noqa: S608  # our own name
    # On the driver's own cursor, which takes rows as they come: SQLAlchemy wants them all in a list first.
    cursor = connection.connection.cursor()
    for part in content.to_batches(max_chunksize=_ROWS_AT_ONCE):
        columns = [_as_sqlite_keeps_it(column).to_pylist() for column in part.columns]
        rows = zip(*columns, strict=True)
        cursor.executemany(statement, rows)  # type: ignore[arg-type]  # sqlite3 takes any iterable of rows


def _as_sqlite_keeps_it(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        # The form in which SQLAlchemy stores a datetime on SQLite, so that both compare as text.
        return column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.string())
    return column

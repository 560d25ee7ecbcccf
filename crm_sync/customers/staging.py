"""Puts a frame into a temporary table as fast as the database can: COPY on PostgreSQL, executemany on SQLite."""

from io import BytesIO
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Boolean, Column, Connection, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from crm_sync.customers.tables import Instant


def stage(
    connection: Connection, name: str, frame: pd.DataFrame, types: dict[str, TypeEngine[Any]] | None = None
) -> Table:
    """Make the temporary table `name` with the frame's rows, replacing an earlier one of that name.

    Boolean and UTC datetime columns keep their type, every other column is text unless `types` says otherwise.
    """
    content = pa.Table.from_pandas(frame, preserve_index=False)
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
    connection.exec_driver_sql(f"ANALYZE {table.name}")


def _execute_many(connection: Connection, table: Table, content: pa.Table) -> None:
    columns = [_as_sqlite_keeps_it(column).to_pylist() for column in content.columns]
    marks = ", ".join("?" * len(columns))
    rows = list(zip(*columns, strict=True))
    if rows:
        connection.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({marks})", rows)  # noqa: S608  # our own name


def _as_sqlite_keeps_it(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        # The form in which SQLAlchemy stores a datetime on SQLite, so that both compare as text.
        return column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.string())
    return column

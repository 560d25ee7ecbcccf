"""Puts a frame into a temporary table as fast as the database can.

PostgreSQL has COPY. SQLite has no such thing, and every value that Python hands it costs more than all the rest: a
large frame is written by Arrow's own driver into a file of its own, which is attached to the connection.
"""

import sqlite3
from contextlib import closing
from functools import lru_cache
from io import RawIOBase
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
from adbc_driver_sqlite import dbapi as arrow_sqlite
from pyarrow import csv
from sqlalchemy import Boolean, Column, Connection, MetaData, Select, Table, Text
from sqlalchemy.types import TypeEngine

from crm_sync.database.dialects import write_and_count
from crm_sync.database.tables.customers import Instant
from crm_sync.own_files import own_folder

# With fewer rows, making the file costs more than it saves.
_ROWS_FOR_A_FILE = 1_000
# A few hundred kilobytes, which the socket takes without waiting.
_ROWS_FOR_A_WRITE = 1_000
# SQLite attaches ten at most, if it was not built otherwise (limits of SQLite, no. 11).
_FILES_AT_ONCE = 8
_ATTACHED = "staged files"
_BOOLEAN, _INSTANT, _TEXT = Boolean(), Instant(), Text()
# Where temporary tables are; without it, SQLite would also find one in an attached file.
_TEMPORARY = {"sqlite": "temp", "postgresql": "pg_temp"}


def stage(
    connection: Connection, name: str, frame: pd.DataFrame, types: dict[str, TypeEngine[Any]] | None = None
) -> Table:
    """Make the temporary table `name` with the frame's rows and return it; it may only be read.

    Boolean and UTC datetime columns keep their type, every other column is text unless `types` has another type.
    A later table of that name replaces it; it is dropped with the transaction.
    """
    # In one chunk: pyarrow 26 writes an empty chunk as CSV by writing whatever the memory held before.
    content = pa.Table.from_pandas(frame, preserve_index=False).combine_chunks()
    columns = tuple((field.name, (types or {}).get(field.name) or _column_type(field.type)) for field in content.schema)
    if connection.dialect.name == "sqlite" and len(frame) >= _ROWS_FOR_A_FILE:
        attached = connection.info.setdefault(_ATTACHED, [])
        if len(attached) < _FILES_AT_ONCE:
            schema = f"{name}_{len(attached) + 1}"
            _attach(connection, schema, name, content)
            attached.append(schema)
            return _table(name, columns, schema)
    table = _table(name, columns)
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_TEMPORARY[connection.dialect.name]}.{name}")
    table.create(connection)
    if connection.dialect.name == "postgresql":
        _copy(connection, table, content)
        _analyse(connection, name)
    else:
        _execute_many(connection, table, content)
    return table


def stage_query(connection: Connection, name: str, query: Select[Any]) -> Table | None:
    """Make the temporary table `name` with the rows of a query, as they are now; None where there are none."""
    columns = tuple((column.name, column.type) for column in query.selected_columns)
    table = _table(name, columns)
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_TEMPORARY[connection.dialect.name]}.{name}")
    table.create(connection)
    if not write_and_count(connection, table.insert().from_select([column for column, _ in columns], query)):
        return None
    if connection.dialect.name == "postgresql":
        _analyse(connection, name)
    return table


def detach_staged(connection: sqlite3.Connection, record: Any) -> None:
    """Forget the files that a transaction has attached; called when the pool gets its connection back."""
    for schema in record.info.pop(_ATTACHED, ()):
        connection.execute(f"DETACH {schema}")


def _attach(connection: Connection, schema: str, name: str, content: pa.Table) -> None:
    # It stays readable as long as it is attached, and nothing of it is left behind, whatever becomes of this run.
    with own_folder("staged") as folder:
        path = str(folder / "rows.db")
        with closing(arrow_sqlite.connect(path, autocommit=True)) as file, closing(file.cursor()) as cursor:
            # In large pages it is written a third faster, and read in half the time.
            for setting in ("journal_mode = OFF", "synchronous = OFF", "page_size = 65536"):
                cursor.execute(f"PRAGMA {setting}")
            kept = [_as_sqlite_keeps_it(column) for column in content.combine_chunks().columns]
            cursor.adbc_ingest(name, pa.table(kept, names=content.column_names), mode="create")
        connection.exec_driver_sql(f"ATTACH ? AS {schema}", (path,))


@lru_cache(maxsize=512)
def _table(name: str, columns: tuple[tuple[str, TypeEngine[Any]], ...], schema: str | None = None) -> Table:
    """Return the same table for the same columns: SQLAlchemy knows a statement again only by its tables, and to
    compile the statements of a small batch takes longer than the database takes to run them."""
    # On PostgreSQL the connection may be a pooler's, which another program gets next.
    kind: dict[str, Any] = {} if schema else {"prefixes": ["TEMPORARY"], "postgresql_on_commit": "DROP"}
    return Table(name, MetaData(), *(Column(*column) for column in columns), schema=schema, **kind)


def _column_type(arrow_type: pa.DataType) -> TypeEngine[Any]:
    if pa.types.is_boolean(arrow_type):
        return _BOOLEAN
    return _INSTANT if pa.types.is_timestamp(arrow_type) else _TEXT


def _analyse(connection: Connection, name: str) -> None:
    # Else the planner takes every staged table for some two thousand rows. So few samples take a millisecond.
    connection.exec_driver_sql(f"SET LOCAL default_statistics_target = 1; ANALYZE {name}")


def _copy(connection: Connection, table: Table, content: pa.Table) -> None:
    # Text is quoted and null is not, which is how COPY distinguishes an empty text from null.
    options = csv.WriteOptions(include_header=False, quoting_style="needed", batch_size=_ROWS_FOR_A_WRITE)
    names = ", ".join(f'"{name}"' for name in content.column_names)
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)") as copy:
        csv.write_csv(content, _CopyFile(copy), options)


class _CopyFile(RawIOBase):
    """A file whose content goes to COPY as it is written: the server reads some rows while the next are made."""

    def __init__(self, copy: psycopg.Copy) -> None:
        self._copy = copy

    def writable(self) -> bool:
        return True

    def write(self, rows: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # of all buffers, Arrow gives bytes
        content = bytes(rows)
        self._copy.write(content)
        return len(content)


def _execute_many(connection: Connection, table: Table, content: pa.Table) -> None:
    marks = ", ".join("?" * content.num_columns)
    statement = f"INSERT INTO {table.name} VALUES ({marks})"  # noqa: S608  # our own name
    rows = zip(*(_as_sqlite_keeps_it(column).to_pylist() for column in content.columns), strict=True)
    # On the driver's own cursor, which takes rows as they come: SQLAlchemy wants them all in a list first.
    connection.connection.cursor().executemany(statement, rows)  # type: ignore[arg-type]  # takes any iterable of rows


def _as_sqlite_keeps_it(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        # The form in which SQLAlchemy stores a datetime on SQLite, so that both compare as text.
        return column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.string())
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column

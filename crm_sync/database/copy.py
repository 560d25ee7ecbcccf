"""Copies a customer database as a whole, from SQLite to PostgreSQL for example: every table, as it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, Table, bindparam, exists, func, insert, select, text, update

from crm_sync.database.engine import CustomerDatabase

# Each module adds its tables to the same metadata.
from crm_sync.database.tables import budget as budget_tables  # noqa: F401
from crm_sync.database.tables import customers as tables
from crm_sync.database.tables.safety import erased_customer
from crm_sync.errors import ConfigurationError

_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True)
class TableCopied:
    """A table, and how many rows of it were copied."""

    table: str
    rows: int


def copy_database(source: CustomerDatabase, target: CustomerDatabase) -> Iterator[TableCopied]:
    """Copy all rows into an empty database, in one transaction; afterwards the target goes on as the source would.

    Nobody may write to the source meanwhile; on SQLite nobody can. Raises ConfigurationError when the target has rows,
    or the source has none.
    """
    copied = 0
    with source.transaction() as reading, target.transaction() as writing:
        for table in tables.metadata.sorted_tables:
            if writing.scalars(select(exists(select(text("1")).select_from(table)))).one():
                raise ConfigurationError(
                    f"The database to move to is not empty, its table {table.name} has rows; name a new one."
                )
        for table in tables.metadata.sorted_tables:
            done = TableCopied(table.name, _copy(reading, writing, table))
            copied += done.rows
            yield done
        for table in tables.metadata.sorted_tables:
            _go_on_counting(writing, table)
        if not copied:
            raise ConfigurationError(
                f"Nothing was moved, for {source.name} has no rows; name the database that has your customers."
            )


def _copy(reading: Connection, writing: Connection, table: Table) -> int:
    """Copy a table. What points into the table itself follows at the end: a row may point to one that comes later."""
    inner = [column for column in table.columns if any(key.column.table is table for key in column.foreign_keys)]
    rows = reading.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table).order_by(*table.primary_key))
    copied = 0
    for part in rows.mappings().partitions():
        without = dict.fromkeys(column.name for column in inner)
        writing.execute(insert(table), [{**row, **without} for row in part])
        copied += len(part)
    for column in inner:
        _point(reading, writing, table, column)
    return copied


def _point(reading: Connection, writing: Connection, table: Table, column: "Column[int]") -> None:
    (key,) = table.primary_key
    pairs = select(key.label("the_key"), column.label("the_value")).where(column.is_not(None))
    statement = update(table).where(key == bindparam("the_key")).values({column.name: bindparam("the_value")})
    for part in reading.execution_options(yield_per=_ROWS_AT_ONCE).execute(pairs).mappings().partitions():
        writing.execute(statement, [dict(pair) for pair in part])


def _go_on_counting(writing: Connection, table: Table) -> None:
    """Let the next row get the next number: PostgreSQL counts beside the table, and has not seen these rows."""
    key = table.autoincrement_column
    if key is None or not isinstance(key.type, Integer) or writing.dialect.name != "postgresql":
        return
    sequence = func.pg_get_serial_sequence(table.name, key.name)
    # A number that was erased is not given again.
    counted = [key, erased_customer.c.id] if table is tables.customer else [key]
    highest = func.greatest(*(select(func.max(one)).scalar_subquery() for one in counted))
    writing.execute(select(func.setval(sequence, func.coalesce(highest, 1), highest.is_not(None))))

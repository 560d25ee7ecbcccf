"""Moving a customer database: every row of every table, to either kind, and the work goes on there."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Date, Integer, Table, func, insert, select

from crm_sync.database.copy import TableCopied, copy_database
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import Instant, customer, metadata
from crm_sync.database.tables.safety import erased_customer
from crm_sync.errors import ConfigurationError
from crm_sync.runs.history_store import start_run

_NOW = datetime(2026, 5, 4, 3, 2, 1, 654321, tzinfo=UTC)
_ROWS = 3


@pytest.fixture
def source(tmp_path: Path) -> Iterator[CustomerDatabase]:
    """Open a SQLite database with rows in every table there is."""
    opened = CustomerDatabase(f"sqlite:///{tmp_path / 'source.db'}")
    with opened.transaction() as connection:
        for table in metadata.sorted_tables:
            connection.execute(insert(table), [_row(table, number) for number in range(1, _ROWS + 1)])
    yield opened
    opened.close()


def _row(table: Table, number: int) -> dict[str, Any]:
    row = {column.name: _value(column, number) for column in table.columns}
    if table is customer:
        # The first is joined to the last, which comes after it.
        row["merged_into_customer_id"] = _ROWS if number == 1 else None
    return row


def _value(column: Column[Any], number: int) -> Any:
    if isinstance(column.type, Boolean):
        return number % 2 == 0
    if isinstance(column.type, Date):
        return date(2000, 2, 28 + number % 2)
    if isinstance(column.type, Instant):
        return _NOW.replace(day=number)
    if column.type.python_type is dict:
        return {"score": number, "nächste": None, "list": ["a;b", 'quo"te']}
    if isinstance(column.type, Integer) or column.type.python_type is int:
        return number
    # Only the middle row has what may be empty.
    return f"{column.name} {number} Łódź\n'" if number == _ROWS - 1 or not column.nullable else None


def _rows(database: CustomerDatabase) -> dict[str, list[Any]]:
    with database.transaction() as connection:
        tables = metadata.sorted_tables
        return {table.name: list(connection.execute(select(table).order_by(*table.primary_key))) for table in tables}


def test_every_row_of_every_table_arrives_as_it_was(source: CustomerDatabase, database: CustomerDatabase) -> None:
    copied = list(copy_database(source, database))

    assert _rows(database) == _rows(source)
    assert {TableCopied(table.name, _ROWS) for table in metadata.sorted_tables} == set(copied)


def test_the_next_run_gets_the_next_number(source: CustomerDatabase, database: CustomerDatabase) -> None:
    list(copy_database(source, database))

    with database.transaction() as connection:
        assert start_run(connection, "full_sync", "org", None, _NOW) == _ROWS + 1


def test_database_with_rows_is_left_alone(source: CustomerDatabase, database: CustomerDatabase) -> None:
    list(copy_database(source, database))
    before = _rows(database)

    with pytest.raises(ConfigurationError, match="is not empty"):
        list(copy_database(source, database))
    assert _rows(database) == before


def test_the_number_of_an_erased_customer_is_not_given_again(source: CustomerDatabase, postgresql_url: str) -> None:
    with source.transaction() as connection:
        connection.execute(insert(erased_customer).values(id=500, at=_NOW))
    target = CustomerDatabase(postgresql_url)
    list(copy_database(source, target))

    with target.transaction() as connection:
        sequence = func.pg_get_serial_sequence("customer", "id")
        assert connection.scalar(select(func.nextval(sequence))) == 501
    target.close()

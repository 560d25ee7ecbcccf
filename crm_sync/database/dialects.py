"""The few places where SQLite and PostgreSQL want to be addressed differently."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, Text, cast, literal, select, text, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

# Held by whoever changes the mirror and its customers.
LANDING_LOCK = 7_023_002


def insert_for(connection: Connection, target: Table) -> postgresql.Insert | sqlite.Insert:
    """Return the INSERT of the connection's dialect, the one that knows ON CONFLICT."""
    return postgresql.insert(target) if connection.dialect.name == "postgresql" else sqlite.insert(target)


def insert_from(
    connection: Connection,
    target: Table,
    row: Mapping[str, ColumnElement[Any]],
    where: ColumnElement[bool] = true(),  # noqa: B008  # never changed
) -> postgresql.Insert | sqlite.Insert:
    """Return the INSERT of the rows that these columns of other tables make, ready for ON CONFLICT."""
    # Without a WHERE, SQLite reads ON CONFLICT as part of the FROM clause.
    source = select(*(value.label(name) for name, value in row.items())).where(where)
    return insert_for(connection, target).from_select([*row], source)


def put_row(connection: Connection, target: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Insert the row with this key, or give these values to the one that is there."""
    statement = insert_for(connection, target).values({**values, **key})
    connection.execute(statement.on_conflict_do_update(index_elements=[*key], set_=dict(values)))


def json_member(
    connection: Connection, objects: ColumnElement[Any], name: str, operator: str = "->"
) -> ColumnElement[str]:
    """Return a member of JSON objects as JSON text, a text in quotes and a number not; with `->>` as plain text."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    path = cast(name, Text) if connection.dialect.name == "postgresql" else literal(f'$."{quoted}"')
    return cast(objects.op(operator)(path), Text)


def typed(connection: Connection, value: ColumnElement[Any], kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return a staged text as a value of this type; SQLite takes it as it is."""
    return value.cast(kind) if connection.dialect.name == "postgresql" else value


def lock_until_commit(connection: Connection, lock: int) -> None:
    """Let one transaction at a time hold the lock of this number; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})


def write_and_count(connection: Connection, statement: UpdateBase) -> int:
    """Execute `statement` and return how many rows it inserted or changed."""
    # SQLAlchemy drops the driver's count for an INSERT unless it is asked to keep it.
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def look_up_by_index(connection: Connection) -> None:
    """Let the statements of this transaction look up each of their few rows by an index, however large the tables.

    Of tables that grow fast PostgreSQL's planner knows no statistics, and would read all of them every time. What is
    staged can only be read whole: with scans switched off, PostgreSQL up to 17 takes all plans for equally dear.
    """
    if connection.dialect.name == "postgresql":
        for method in ("hashjoin", "mergejoin", "material"):
            connection.execute(text(f"SET LOCAL enable_{method} = off"))
        for setting in ("random_page_cost = 1", "jit = off"):
            connection.execute(text(f"SET LOCAL {setting}"))

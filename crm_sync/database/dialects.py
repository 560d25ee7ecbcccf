"""The few places where SQLite and PostgreSQL want to be addressed differently."""

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase


def insert_for(connection: Connection, target: Table) -> postgresql.Insert | sqlite.Insert:
    """Return the INSERT of the connection's dialect, the one that knows ON CONFLICT."""
    return postgresql.insert(target) if connection.dialect.name == "postgresql" else sqlite.insert(target)


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

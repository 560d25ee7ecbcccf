"""The few places where SQLite and PostgreSQL want to be addressed differently."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase


def insert_for(connection: Connection, target: Table) -> postgresql.Insert | sqlite.Insert:
    """Return the INSERT of the connection's dialect, the one that knows ON CONFLICT."""
    return postgresql.insert(target) if connection.dialect.name == "postgresql" else sqlite.insert(target)


def write_and_count(connection: Connection, statement: UpdateBase) -> int:
    """Execute `statement` and return how many rows it inserted or changed."""
    # SQLAlchemy drops the driver's count for an INSERT unless it is asked to keep it.
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount

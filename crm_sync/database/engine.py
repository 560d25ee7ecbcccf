"""Opens the customer database: SQLite by default, PostgreSQL for real use; the tables are made on first use."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from crm_sync.columns.address_hash import AddressHash
from crm_sync.database.dialects import insert_for
from crm_sync.database.staging import detach_staged
from crm_sync.database.tables.consent import installation
from crm_sync.errors import ConfigurationError, DatabaseUnavailableError

_MIGRATIONS = Path(__file__).with_name("migrations")
# Any number will do; it only has to differ from other locks in the same PostgreSQL database.
_MIGRATION_LOCK = 7_023_001
# Alembic keeps the migration at work in global names; two threads would get in each other's way.
_ALEMBIC = Lock()
_KEY_CHECK = "address_key_check"
_EXAMPLES = "for example sqlite:///customers.db or postgresql://user:password@host/database"
_DRIVERS = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
# Settings in the URL take precedence. `timeout`: seconds to wait for another writer; a batch takes less than one.
_CONNECT = {"sqlite": {"timeout": "60"}, "postgresql": {"client_encoding": "utf8"}}
_SQLITE_SETTINGS = (
    # Of a new file. In smaller pages, the keys' indexes are touched page by page by every batch.
    "PRAGMA page_size = 16384",
    "PRAGMA journal_mode = WAL",  # readers go on while a batch is written
    "PRAGMA synchronous = NORMAL",  # safe in WAL: a power cut loses the last commits, never consistency
    # A batch rewrites pages all over the key's index; carried over after each, they would be written twice as often.
    "PRAGMA wal_autocheckpoint = 32768",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",  # with half of it, 20,000 changes take half as long again
)


class CustomerDatabase:
    """The customer database; give it to tasks as it is, engines are safe to share between threads."""

    def __init__(self, url: str, address_key: bytes | None = None) -> None:
        """Open `url` and bring its tables up to date; raises DatabaseUnavailableError with what to change.

        `address_key`: the secret with which this installation hashes e-mail addresses; what keeps consent needs it.
        """
        address = parse_url(url)
        self._hashes: AddressHash | None = None
        self._engine = _make_engine(address)
        try:
            _migrate(self._engine)
            if address_key is not None:
                self._hashes = AddressHash(address_key)
                _check_key(self._engine, self._hashes)
        except (SQLAlchemyError, sqlite3.Error, OSError) as problem:
            self._engine.dispose()
            # The query part may hold a password too.
            where = address.set(query={}).render_as_string(hide_password=True)
            raise DatabaseUnavailableError(
                f"The customer database {where} does not open ({_reason(problem)}); check the URL in the customer "
                f"database block, {_EXAMPLES}."
            ) from None

    @property
    def name(self) -> str:
        """The address, without its password and without settings, among which another one may be."""
        return self._engine.url.set(query={}).render_as_string(hide_password=True)

    @property
    def hashes(self) -> AddressHash:
        """How this installation hashes e-mail addresses; raises ConfigurationError when it was opened without key."""
        if self._hashes is None:
            raise ConfigurationError("The customer database was opened without the key of its address hashes.")
        return self._hashes

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection whose work is committed as a whole, or not at all.

        Raises DatabaseUnavailableError when the database is lost, locked or refuses the work; its message about
        the rows themselves is people's data and goes no further.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as problem:
            raise DatabaseUnavailableError(
                f"The customer database did not take the work, and none of it is kept ({_reason(problem)}); see that "
                "it is running and not locked by another program, then run this again."
            ) from None

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()


def parse_url(url: str) -> URL:
    """Return the address that `url` means; raises DatabaseUnavailableError when it names no usable database."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUnavailableError(
            f"The URL of the customer database cannot be read; write it as {_EXAMPLES}."
        ) from None
    backend = address.get_backend_name()
    if backend not in _DRIVERS:
        raise DatabaseUnavailableError(
            f"The customer database cannot be {backend}; use SQLite or PostgreSQL, {_EXAMPLES}."
        )
    # Whatever driver is named (Prefect's own URL names an asynchronous one), ours is used.
    address = address.set(drivername=_DRIVERS[backend])
    if backend == "sqlite" and address.database in {None, "", ":memory:"}:
        raise DatabaseUnavailableError(
            "The customer database has no file and would be gone after the run; write sqlite:///customers.db."
        )
    return address


def _make_engine(address: URL) -> Engine:
    # Parameters are people's data: they stay out of messages and logs.
    address = address.set(query=_CONNECT[address.get_backend_name()] | dict(address.query))
    engine = create_engine(address, hide_parameters=True, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        event.listen(engine, "checkin", detach_staged)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _: Any) -> None:  # the pool's own record, unused
    # The driver's own transaction handling would commit before DDL and begin too late; SQLAlchemy begins instead.
    connection.isolation_level = None
    for setting in _SQLITE_SETTINGS:
        connection.execute(setting)


def _begin_immediate(connection: Connection) -> None:
    # Take the write lock at once: two transactions that upgrade from reading to writing would deadlock.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(engine: Engine) -> None:
    settings = Config()
    settings.set_main_option("script_location", _MIGRATIONS.as_posix())
    head = ScriptDirectory.from_config(settings).get_current_head()
    with engine.begin() as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        settings.attributes["connection"] = connection
        with _ALEMBIC:
            command.upgrade(settings, "head")


def _check_key(engine: Engine, hashes: AddressHash) -> None:
    """Keep by which key the hashes are made; another key would forget every no without a word."""
    check = str(hashes.check)
    with engine.begin() as connection:
        insert = insert_for(connection, installation).values(name=_KEY_CHECK, value=check)
        connection.execute(insert.on_conflict_do_nothing())
        kept = connection.scalar(select(installation.c.value).where(installation.c.name == _KEY_CHECK))
    if kept != check:
        engine.dispose()
        raise ConfigurationError(
            "The addresses in this customer database are hashed with another key than this Prefect server has; restore "
            "the Secret 'consent-address-key' from the backup (deployments/OPERATIONS.md, Back up and restore)."
        )


def _reason(problem: Exception) -> str:
    cause = getattr(problem, "orig", None) or problem
    if not isinstance(cause, (sqlite3.OperationalError, psycopg.OperationalError, OSError)):
        # The message for a value that does not fit holds the value.
        return type(cause).__name__
    return str(cause).strip().splitlines()[0][:200] if str(cause).strip() else type(cause).__name__

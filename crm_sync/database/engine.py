"""Opens the customer database: SQLite by default, PostgreSQL for real use; the tables are made on first use."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from crm_sync.columns.address_hash import AddressHash
from crm_sync.database.dialects import insert_for, lock_until_commit
from crm_sync.database.failures import EXAMPLES, failure_at_opening, failure_at_work
from crm_sync.database.staging import detach_staged
from crm_sync.database.tables.consent import installation
from crm_sync.errors import ConfigurationError

_MIGRATIONS = Path(__file__).with_name("migrations")
# Any number will do; it only has to differ from other locks in the same PostgreSQL database.
_MIGRATION_LOCK = 7_023_001
# Alembic keeps the migration at work in global names; two threads would get in each other's way.
_ALEMBIC = Lock()
_KEY_CHECK = "address_key_check"
_DRIVERS = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
# What Prisma's, asyncpg's and JDBC's users write into a URL against poolers that mix prepared statements up.
_PREPARING = {
    *("prepare_threshold", "preparethreshold", "pgbouncer"),
    *("prepared_statement_cache_size", "statement_cache_size"),
}
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
    # The index of a million address hashes fits in: a batch meets it all over, and with half of this its pages would
    # be read and written many times for each batch.
    "PRAGMA cache_size = -32768",
)


class CustomerDatabase:
    """The customer database; give it to tasks as it is, engines are safe to share between threads."""

    def __init__(self, url: str, address_key: bytes | None = None) -> None:
        """Open `url` and bring its tables up to date; raises ConfigurationError or DatabaseUnavailableError.

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
        except (SQLAlchemyError, sqlite3.Error, OSError, CommandError) as problem:
            self._engine.dispose()
            raise failure_at_opening(problem, self.name) from None

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
            raise failure_at_work(problem, self.name) from None

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()


def parse_url(url: str) -> URL:
    """Return the address that `url` means; raises ConfigurationError when it names no usable database.

    Nothing of an address that was not understood is shown: any part of it may be a part of the password.
    """
    try:
        address = make_url(url.strip())
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"The URL of the customer database cannot be read; write it as {EXAMPLES}.") from None
    backend = address.get_backend_name()
    if backend not in _DRIVERS:
        raise ConfigurationError(f"The customer database cannot be {backend}; use SQLite or PostgreSQL, {EXAMPLES}.")
    # Whatever driver is named (Prefect's own URL names an asynchronous one), ours is used.
    address = address.set(drivername=_DRIVERS[backend])
    if backend == "sqlite":
        if address.database in {None, "", ":memory:"}:
            raise ConfigurationError(
                "The customer database has no file and would be gone after the run; write sqlite:///customers.db."
            )
    elif "@" in f"{address.host}{address.database}":
        raise ConfigurationError(
            "The URL of the customer database has more than one @; write an @ in a password as %40, a slash as %2F."
        )
    return address


def _make_engine(address: URL) -> Engine:
    # Parameters are people's data: they stay out of messages and logs.
    query = _CONNECT[address.get_backend_name()] | dict(address.query)
    settings: dict[str, Any] = {}
    if address.get_backend_name() == "postgresql":
        # Statements are few and large here, and a pooler that gives each transaction another connection would mix
        # prepared ones up; so nothing is prepared, whatever the URL has (JDBC's 0 means off, psycopg's means always).
        query = {name: value for name, value in query.items() if name.lower() not in _PREPARING}
        settings["prepare_threshold"] = None
    engine = create_engine(address.set(query=query), hide_parameters=True, pool_pre_ping=True, connect_args=settings)
    if engine.dialect.name == "sqlite":
        _make_private(address.database)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        event.listen(engine, "checkin", detach_staged)
    return engine


def _make_private(file: str | None) -> None:
    """Make a file that is not there yet as one that only its user reads; SQLite's own beside it follow it."""
    if file and not file.startswith("file:"):
        with suppress(OSError):  # said when it is opened
            os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))


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
        lock_until_commit(connection, _MIGRATION_LOCK)
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

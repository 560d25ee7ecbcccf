"""The floor: one bare parse of the same CSV, then the same rows, ready made, by the database's own bulk load."""

import json
import resource
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from pyarrow import csv
from sqlalchemy import Connection, Engine, MetaData, create_engine, func, select

from crm_sync.database.engine import CustomerDatabase, parse_url
from crm_sync.errors import LimitReachedError
from crm_sync.requests import ApiUsage
from crm_sync.salesforce.http.transport import Transport
from crm_sync.salesforce.login.logins import Session, UserPasswordLogin
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read import bulk_query as bulk
from crm_sync.salesforce.read.soql import build_select
from tests.bench.sync import DEMO_USER, MAPPING

ROWS_AT_ONCE = 50_000
SQLITE_SETTINGS = ("journal_mode = WAL", "synchronous = NORMAL", "temp_store = MEMORY", "cache_size = -65536")


def main(org_url: str, synced_url: str, floor_url: str, scratch: Path) -> None:
    """Print the seconds of parse and load as JSON."""
    pages = list(download(org_url, scratch))
    _make_tables(floor_url)
    source, target = create_engine(parse_url(synced_url)), create_engine(parse_url(floor_url))
    seconds = timed(lambda: parse(pages))
    seconds += sum(load(source, target, name) for name in ("customer", "salesforce_record"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_mb": peak}) + "\n")


def _make_tables(url: str) -> None:
    address = parse_url(url)
    if address.get_backend_name() == "sqlite":
        # A new file keeps SQLite's own page size from here on; ours is for many batches, and slower for one load.
        with closing(sqlite3.connect(str(address.database))) as file:
            file.execute("PRAGMA journal_mode = WAL")
    CustomerDatabase(url).close()


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that the work takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


def parse(pages: list[Path]) -> None:
    """Read the pages a block at a time, as a loader without any rules would."""
    settings = csv.ParseOptions(newlines_in_values=True)
    for page in pages:
        with csv.open_csv(page, csv.ReadOptions(block_size=8 << 20), settings) as reader:
            for _ in reader:
                pass


def load(source: Engine, target: Engine, name: str) -> float:
    """Copy the written columns of one table; only the target's work is timed."""
    with source.connect() as read, target.connect() as write:
        columns = written_columns(read, name)
        copy = load_sqlite if target.dialect.name == "sqlite" else load_postgresql
        return copy(read, write, name, columns)


def written_columns(connection: Connection, name: str) -> list[str]:
    """Return the columns that hold anything: those that the sync wrote."""
    tables = MetaData()
    tables.reflect(connection, only=[name])
    columns = list(tables.tables[name].c)
    filled = connection.execute(select(*(func.count(column) for column in columns))).one()
    return [column.name for column, values in zip(columns, filled, strict=True) if values]


def load_sqlite(read: Connection, write: Connection, name: str, columns: list[str]) -> float:
    """Stage with executemany, upsert once, commit."""
    source, target = driver(read), driver(write)
    for setting in SQLITE_SETTINGS:
        target.execute(f"PRAGMA {setting}")
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    target.execute(f"CREATE TEMP TABLE staged_{name} AS SELECT {names} FROM {name} WHERE 0")
    rows = source.execute(f"SELECT {names} FROM {name}")
    seconds = 0.0
    while chunk := rows.fetchmany(ROWS_AT_ONCE):
        seconds += timed(partial(target.executemany, f"INSERT INTO staged_{name} VALUES ({marks})", chunk))
    seconds += timed(lambda: target.execute(upsert(name, columns)))
    return seconds + timed(target.commit)


def load_postgresql(read: Connection, write: Connection, name: str, columns: list[str]) -> float:
    """Stage with COPY, upsert once, commit."""
    source, target = driver(read), driver(write)
    names = ", ".join(columns)
    with source.cursor().copy(f"COPY (SELECT {names} FROM {name}) TO STDOUT") as rows:
        content = b"".join(rows)
    cursor = target.cursor()
    cursor.execute(f"CREATE TEMP TABLE staged_{name} AS SELECT {names} FROM {name} WHERE false")

    def copy() -> None:
        with cursor.copy(f"COPY staged_{name} FROM STDIN") as sink:
            sink.write(content)

    seconds = timed(copy)
    seconds += timed(lambda: cursor.execute(upsert(name, columns)))
    return seconds + timed(target.commit)


def upsert(name: str, columns: list[str]) -> str:
    """Return the statement that moves the staged rows into their table."""
    names = ", ".join(columns)
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column != "id")
    insert = f"INSERT INTO {name} ({names}) SELECT {names} FROM staged_{name} WHERE true"
    return f"{insert} ON CONFLICT (id) DO UPDATE SET {changes}"


def driver(connection: Connection) -> Any:
    """Return the driver's own connection: the floor is without SQLAlchemy."""
    return connection.connection.driver_connection


class Uncounted:
    """A ledger that keeps nothing."""

    def reserve(self, kind: str, at: datetime) -> int:
        """Let every request pass."""
        return 0

    def complete(self, request_id: int, status: int, usage: ApiUsage | None) -> None:
        """Keep nothing."""

    def limit_reached(self, kind: str, error: LimitReachedError, at: datetime) -> None:
        """Keep nothing."""

    def identify(self, host: str) -> None:
        """Keep nothing."""


class NoStore:
    """A session store that forgets."""

    def load(self) -> Session | None:
        """Return nothing."""
        return None

    def save(self, session: Session) -> None:
        """Keep nothing."""

    def refused(self) -> None:
        """Return nothing."""

    def note_refused(self, refused: object) -> None:
        """Keep nothing."""

    def exclusive(self) -> AbstractContextManager[object]:
        """Wait for nobody."""
        return nullcontext()


def download(org_url: str, scratch: Path) -> Iterator[Path]:
    """Give the pages of the same query, on disk."""
    transport = Transport(
        throttle=lambda: None, ledger=Uncounted(), clock=lambda: datetime.now(UTC), endpoint_url=org_url
    )
    org = SalesforceOrg(UserPasswordLogin(*DEMO_USER), transport, NoStore())
    job = bulk.create_query_job(org, build_select("Contact", MAPPING.contact.salesforce_fields))
    bulk.wait_for_job(partial(bulk.read_job, org, job.id), sleep)
    locator, number = None, 0
    while locator or not number:
        number += 1
        target = scratch / f"page-{number}.csv"
        page = bulk.download_page(org, job.id, locator=locator, max_records=250_000, target=target)
        locator = page.next_locator
        yield page.path


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))

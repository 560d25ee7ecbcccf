"""A stand-in org with invented people, and the three blocks that lead from it into an empty customer database."""

import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import State
from prefect.client.schemas.sorting import ArtifactSort
from sqlalchemy import Table, create_engine, make_url, select

from blocks.customer_database import CustomerDatabase
from blocks.data_mapping import DataMapping
from blocks.salesforce_credentials import SalesforceCredentials
from blocks.session_store import PrefectSessionStore
from crm_sync.database.engine import parse_url
from crm_sync.database.tables.customers import checkpoint, customer, rejected_record, salesforce_record
from crm_sync.pull.summary import SyncSummary
from crm_sync.salesforce.login.logins import Session
from flows.full_sync import full_sync
from flows.incremental_pull import incremental_pull
from standins.salesforce.org.org import Org
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.people.seed import seed
from standins.salesforce.server import Server
from tests.rigs.databases import copy_database, copy_sqlite, database_named
from tests.rigs.shared import shared_folder

PASSWORD = "planted-password-5f1e"
TOKEN = "plantedToken77"
PEOPLE = 400
FEW = 60
Row = dict[str, Any]
Result = dict[str, list[Row]]

_numbers = itertools.count(1)
# What may differ between two runs that end alike: row numbers, and moments of this machine.
_OWN = {
    "id",
    "customer_id",
    "sync_run_id",
    "created_at",
    "modified_at",
    "rejected_at",
    "read_at",
    "pushed_at",
    "deleted_in_salesforce_at",
}


class Clock:
    """The org's clock: this machine's, moved."""

    def __init__(self) -> None:
        """Start with the right time."""
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Return the org's time."""
        return datetime.now(UTC) + self.ahead

    def move(self, **by: float) -> None:
        """Let time pass in the org."""
        self.ahead += timedelta(**by)


@dataclass
class Rig:
    """An org, the way to it, and the customer database."""

    org: Org
    server: Server
    org_file: Path
    salesforce: SalesforceCredentials
    customers: CustomerDatabase
    mapping: DataMapping
    clock: "Clock"

    def sync(self, **options: Any) -> SyncSummary:
        """Run full_sync as a Python caller does; raises what the caller gets."""
        summary: SyncSummary = full_sync(**self.blocks(), **options)
        return summary

    def pull(self, **options: Any) -> SyncSummary:
        """Run incremental_pull as a Python caller does; raises what the caller gets."""
        summary: SyncSummary = incremental_pull(**self.blocks(), **options)
        return summary

    def state(self, **options: Any) -> State[SyncSummary]:
        """Run full_sync and return its final state, as the Prefect UI shows it."""
        state: State[SyncSummary] = full_sync(**self.blocks(), **options, return_state=True)
        return state

    def blocks(self) -> dict[str, Any]:
        """Return the blocks as parameters of a flow."""
        return {"salesforce": self.salesforce, "database": self.customers, "mapping": self.mapping}

    def people(self, sobject: str) -> list[Row]:
        """Return the org's records, read from its own file."""
        with closing(sqlite3.connect(self.org_file)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {sobject}")]  # noqa: S608

    def rows(self, table: Table) -> list[Row]:
        """Return the rows of a table of the customer database."""
        engine = create_engine(parse_url(self.customers.url.get_secret_value()))
        with engine.connect() as connection:
            found = [dict(row._mapping) for row in connection.execute(select(table))]
        engine.dispose()
        return found

    def result(self) -> Result:
        """Return what a full sync is for: customers, mirror and rejects, but for row numbers and moments."""
        return {
            table.name: sorted(
                ({name: value for name, value in row.items() if name not in _OWN or _is_salesforce_id(name, table)}
                 for row in self.rows(table)),
                key=repr,
            )
            for table in (customer, salesforce_record, rejected_record)
        }  # fmt: skip

    def requests(self) -> list[str]:
        """Return what the org was asked, in its own words."""
        return [entry.kind for entry in self.org.requests]

    def results_pages(self) -> list[str]:
        """Return the addresses of the results pages that the org gave whole."""
        return [entry.path for entry in self.org.requests if entry.kind == "bulk_results" and entry.status == 200]

    def jobs(self) -> list[str]:
        """Return the Ids of the jobs, oldest first."""
        return [job.id for job in self.org.bulk_jobs.all()]

    def checkpoints(self) -> list[Row]:
        """Return how far half-done full syncs came."""
        return self.rows(checkpoint)

    def twin(self, url: str) -> "Rig":
        """Return the same org with another customer database."""
        customers = CustomerDatabase(url=url)
        return Rig(self.org, self.server, self.org_file, self.salesforce, customers, self.mapping, self.clock)


def artifact(key: str) -> str:
    """Return the newest artifact of this key as its text."""
    # Prefect's own Artifact.get leaves its connection open.
    with get_client(sync_client=True) as client:
        newest = client.read_artifacts(
            limit=1,
            sort=ArtifactSort.UPDATED_DESC,
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
        )
    assert newest, f"there is no artifact {key}"
    return str(newest[0].data)


def _is_salesforce_id(name: str, table: Table) -> bool:
    return name == "id" and table is not customer


@contextmanager
def start_rig(
    folder: Path, url: str, people: int = PEOPLE, prepare: Callable[[Rig], object] | None = None, **settings: Any
) -> Iterator[Rig]:
    """Start an org with invented people, the same at every start, and nothing asked of it yet.

    `prepare` is done once in a session, to an org and a database of its own; every start then gets a copy of both.
    """
    if prepare is None:
        # A user of its own, since sessions are shared by all runs of one user.
        with _open_rig(folder / "org.sqlite", url, f"integration.{next(_numbers)}@planted.example", **settings) as rig:
            if people:
                seed(rig.org, people)
            yield rig
        return
    made = _prepared(url, people, prepare)
    copy_sqlite(made.org_file, folder / "org.sqlite")
    custom_objects = made.org_file.with_suffix(".objects.json")
    if custom_objects.exists():
        shutil.copy(custom_objects, folder / "org.objects.json")
    copy_database(made.url, url)
    with _open_rig(folder / "org.sqlite", url, made.user) as rig:
        # A copy: a test may change its mapping, and another starts with the same rig.
        rig.mapping, rig.clock.ahead = made.mapping.model_copy(deep=True), made.ahead
        _log_in(rig)
        yield rig


@contextmanager
def _open_rig(org_file: Path, url: str, user: str, **more: Any) -> Iterator[Rig]:
    settings = OrgSettings(username=user, password=PASSWORD, security_token=TOKEN, bulk_polls=0, **more)
    clock = Clock()
    with Org(settings, clock=clock, database=org_file) as org, Server(org) as server:
        salesforce = SalesforceCredentials(
            username=user, password=PASSWORD, security_token=TOKEN, endpoint_url=server.url
        )
        yield Rig(org, server, org_file, salesforce, CustomerDatabase(url=url), DataMapping(), clock)


@dataclass(frozen=True)
class _Prepared:
    """What a prepared rig came to; `ahead`: the org's clock of this machine's."""

    org_file: Path
    url: str
    user: str
    mapping: DataMapping
    ahead: timedelta


_prepared_rigs: dict[tuple[object, ...], _Prepared] = {}


def _prepared(url: str, people: int, prepare: Callable[[Rig], object]) -> _Prepared:
    kind = make_url(url).get_backend_name()
    key = (kind, people, prepare)
    if key not in _prepared_rigs:
        name = f"{os.getpid()}_prepared_{len(_prepared_rigs)}"
        org_file = shared_folder() / f"org_{name}.sqlite"
        own = f"sqlite:///{shared_folder() / name}.db" if kind == "sqlite" else database_named(url, name)
        copy_database(url, own)
        user = f"integration.{next(_numbers)}@planted.example"
        with _open_rig(org_file, own, user) as rig:
            if people:
                seed(rig.org, people)
            prepare(rig)
            _prepared_rigs[key] = _Prepared(org_file, own, user, rig.mapping, rig.clock.ahead)
    return _prepared_rigs[key]


def _log_in(rig: Rig) -> None:
    """Let there be a session, as after the runs that have prepared the rig."""
    login = rig.salesforce.login()
    session = Session(
        rig.org.logins.with_password(rig.salesforce.username, PASSWORD + TOKEN),
        rig.server.url,
        login.user,
        login.fingerprint,
    )
    store = PrefectSessionStore(login, rig.salesforce.endpoint_url)
    store.save(session)
    if store.refused():
        store.note_refused(None)


@pytest.fixture
def rig(tmp_path: Path, sqlite_url: str) -> Iterator[Rig]:
    """Start an org with leads and contacts, and a SQLite database."""
    with start_rig(tmp_path, sqlite_url) as started:
        yield started


@pytest.fixture
def both_rigs(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start the same, once with SQLite and once with PostgreSQL."""
    with start_rig(tmp_path, database_url) as started:
        yield started


@pytest.fixture
def empty_rig(tmp_path: Path, sqlite_url: str) -> Iterator[Rig]:
    """Start an org without people."""
    with start_rig(tmp_path, sqlite_url, people=0) as started:
        yield started


def settled(rig: Rig) -> None:
    """Sync, let an hour pass, and begin the journal anew."""
    rig.sync()
    rig.clock.move(hours=1)
    rig.org.journal.clear()


@pytest.fixture
def synced(tmp_path: Path, sqlite_url: str) -> Iterator[Rig]:
    """Start an org whose people were synced an hour ago, with a journal that starts now."""
    with start_rig(tmp_path, sqlite_url, FEW, settled) as rig:
        yield rig


@pytest.fixture
def both_synced(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    """Start the same, once with SQLite and once with PostgreSQL."""
    with start_rig(tmp_path, database_url, FEW, settled) as rig:
        yield rig

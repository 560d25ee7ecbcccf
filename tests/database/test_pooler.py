"""The customer database behind a real PgBouncer: no transaction may count on the connection of the one before."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import func, select, text

from crm_sync.customers.landing import one_at_a_time
from crm_sync.database.copy import copy_database
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.staging import stage
from crm_sync.database.tables.customers import customer, request_ledger
from crm_sync.errors import ConfigurationError, DatabaseUnavailableError
from flows.consent_proof import consent_proof
from flows.erase_customer import erase_customer
from flows.undo_run import undo_run
from tests.rigs.budget import fill, ledger, rules, spend
from tests.rigs.org import FEW, start_rig
from tests.rigs.poolers import pooled
from tests.rigs.pulls import add_contact, customers_by_key
from tests.rigs.pushes import Pushes
from tests.rigs.story import HASHES, Story

_MODES = pytest.mark.parametrize("mode", ["transaction", "session"])
_LEFT = {
    "temporary tables": "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'",
    "settings": "SELECT count(*) FROM pg_settings WHERE source = 'session' AND name NOT IN ('application_name')",
    "locks": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    "cursors": "SELECT count(*) FROM pg_cursors",
    "prepared statements": "SELECT count(*) FROM pg_prepared_statements",
}


@pytest.fixture
def by_transaction(postgresql_url: str) -> Iterator[str]:
    """Give a migrated database behind a pooler with one connection, which all programs take turns at."""
    with pooled(postgresql_url, "transaction") as url:
        yield url


@_MODES
def test_tables_are_made_by_several_at_once(empty_postgresql_url: str, mode: str) -> None:
    with pooled(empty_postgresql_url, mode, connections=3) as url, ThreadPoolExecutor(3) as threads:
        for opened in threads.map(CustomerDatabase, [url] * 3):
            with opened.transaction() as connection:
                assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0001"
            opened.close()


@_MODES
def test_two_programs_land_in_turns(postgresql_url: str, mode: str) -> None:
    """Each has statements that it has run often, which psycopg would prepare, and tables that it has staged."""
    with pooled(postgresql_url, mode, connections=2) as url:
        one, other = (CustomerDatabase(url, HASHES.key) for _ in range(2))
        stories = Story(one.transaction), Story(other.transaction)
        for number in range(8):
            story = stories[number % 2]
            story.land(story.contact(number, f"p{number}@x.org"), story.contact(99, "all@x.org", at=number))
        assert len(stories[0].customers()) == 9
        with one.transaction() as connection:
            assert {what: connection.scalar(text(query)) for what, query in _LEFT.items()} == dict.fromkeys(_LEFT, 0)
        one.close()
        other.close()


def test_a_program_that_is_killed_leaves_no_lock_and_no_table(by_transaction: str) -> None:
    killed, other = CustomerDatabase(by_transaction), CustomerDatabase(by_transaction)
    with suppress(RuntimeError), killed.transaction() as connection:
        one_at_a_time(connection)
        stage(connection, "staged_key", pd.DataFrame({"unique_key": ["a", "b"]}))
        raise RuntimeError("killed")
    with other.transaction() as connection:
        one_at_a_time(connection)
        stage(connection, "staged_key", pd.DataFrame({"unique_key": ["c"]}))
        assert connection.scalar(text("SELECT unique_key FROM staged_key")) == "c"
    killed.close()
    other.close()


def test_no_more_requests_than_allowed_are_entered_by_many_at_once(postgresql_url: str) -> None:
    with pooled(postgresql_url, "transaction", connections=3) as url:
        databases = [CustomerDatabase(url) for _ in range(6)]
        fill(databases[0], 95)

        def spend_all(database: CustomerDatabase) -> int:
            return spend(ledger(database, given=rules(100)))

        with ThreadPoolExecutor(6) as threads:
            assert sum(threads.map(spend_all, databases)) == 5
        with databases[0].transaction() as connection:
            assert connection.scalar(select(func.count()).select_from(request_ledger)) == 100
        for database in databases:
            database.close()


def test_database_is_moved_to_one_behind_a_pooler_and_on(
    sqlite_url: str, by_transaction: str, empty_sqlite_url: str
) -> None:
    source, target, back = map(CustomerDatabase, (sqlite_url, by_transaction, empty_sqlite_url))
    hashed = CustomerDatabase(sqlite_url, HASHES.key)
    story = Story(hashed.transaction)
    story.land(*(story.contact(number, f"p{number}@x.org") for number in range(30)))
    hashed.close()
    for old, new in ((source, target), (target, back)):
        assert {done.table: done.rows for done in copy_database(old, new)}["customer"] == 30
    for database in (source, target, back):
        database.close()


@pytest.mark.flow
@pytest.mark.both
def test_one_connection_is_enough_for_every_flow_that_a_person_runs(tmp_path: Path, by_transaction: str) -> None:
    """A transaction that waited for another one of its own run would wait for ever here."""
    with start_rig(tmp_path, by_transaction, FEW) as rig:
        rig.sync()
        add_contact(rig, Email="new@example.org")
        assert rig.pull().total.inserted == 1
        pushes = Pushes(rig)
        ids = pushes.enter_changed(3, job_title="Navigator", opt_in=False)
        assert pushes.push().success == set(ids)
        assert pushes.have_opted_out(ids)
        assert rig.pull().total.written == 0
        assert rig.sync().total.written == 0
        assert "new@example.org" in customers_by_key(rig)
        one = str(pushes.customer(ids[0])["salesforce_id"])
        assert consent_proof(one, rig.customers).endswith("said no.")
        assert undo_run(database=rig.customers)
        assert erase_customer(one, database=rig.customers)
        assert rig.sync().total.inserted == 0


@pytest.mark.parametrize("setting", ["pgbouncer=true", "prepared_statement_cache_size=0", "statement_cache_size=0"])
def test_what_other_programs_write_against_poolers_is_understood(by_transaction: str, setting: str) -> None:
    opened = CustomerDatabase(f"{by_transaction}?{setting}")
    with opened.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(customer)) == 0
    opened.close()


@pytest.mark.parametrize("setting", ["options=-csearch_path%3Dpublic", "hunter2=1"])
def test_setting_that_is_not_taken_is_told_as_one(by_transaction: str, setting: str) -> None:
    with pytest.raises(ConfigurationError, match="does not take a setting in the URL") as refused:
        CustomerDatabase(f"{by_transaction}?{setting}")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("server", "name", "sentence"),
    [
        (None, "not_there", "is not there"),
        ("postgresql://nobody@127.0.0.1:1/x", "x", "does not answer|no connection to it"),
    ],
)
def test_pooler_that_leads_nowhere_says_why(postgresql_url: str, server: str | None, name: str, sentence: str) -> None:
    with (
        pooled(server or postgresql_url, "transaction") as url,
        pytest.raises((ConfigurationError, DatabaseUnavailableError), match=sentence),
    ):
        CustomerDatabase(f"{url.rpartition('/')[0]}/{name}")

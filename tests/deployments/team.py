"""A Prefect server on PostgreSQL and workers, each in a process of its own, as a team runs them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
import pytest

from tests.rigs.databases import PostgresqlServer, debian_postgresql

T = TypeVar("T")
_SECONDS = 180


def until(look: Callable[[], T | None], what: str, seconds: float = _SECONDS) -> T:
    """Return what `look` finds as soon as it finds something; fails when it does not."""
    give_up = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > give_up:
            pytest.fail(f"{what}: not within {seconds:.0f} seconds", pytrace=False)
        time.sleep(0.2)  # noqa: TID251  # between two looks at other processes
    return found


@contextmanager
def postgresql_with_extensions() -> Iterator[PostgresqlServer]:
    """Start a PostgreSQL server that has pg_trgm, which Prefect needs; or take that of TEST_POSTGRESQL_URL."""
    if given := os.environ.get("TEST_POSTGRESQL_URL"):
        yield PostgresqlServer(given)
        return
    with debian_postgresql("Prefect on PostgreSQL") as url:
        yield PostgresqlServer(url)


@contextmanager
def server_on_postgresql(url: str, home: Path) -> Iterator[str]:
    """Start a Prefect server whose database is at `url` and give the address of its API."""
    port = free_port()
    api_url = f"http://127.0.0.1:{port}/api"
    command = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": url.replace("postgresql://", "postgresql+asyncpg://"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    with _prefect(command, environment, home / "server.log") as server:

        def is_healthy() -> bool:
            assert server.poll() is None, (home / "server.log").read_text()[-2000:]
            try:
                return httpx.get(f"{api_url}/health", timeout=2).is_success
            except httpx.HTTPError:
                return False

        until(is_healthy, "the Prefect server is healthy")
        yield api_url


@contextmanager
def worker(name: str, pool: str, api_url: str, home: Path, limit: int) -> Iterator[psutil.Process]:
    """Start a worker in a folder of its own, as on a machine of its own, for so many runs at a time."""
    home.mkdir()
    command = ["worker", "start", "--pool", pool, "--type", "process", "--name", name, "--limit", str(limit)]
    environment = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api_url,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }
    with _prefect(command, environment, home / "worker.log") as process:
        yield psutil.Process(process.pid)


def power_off(machine: psutil.Process) -> None:
    """Kill a worker and all that it started, at once and without notice."""
    lost = [machine, *machine.children(recursive=True)]
    # Stopped first, so that none of them sees another one die.
    for sign in (signal.SIGSTOP, signal.SIGKILL):
        for process in lost:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(sign)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def _prefect(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *command],
            env=inherited | environment | {"PYTHONUNBUFFERED": "1"},
            cwd=log.parent,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                power_off(psutil.Process(process.pid))
            process.wait()

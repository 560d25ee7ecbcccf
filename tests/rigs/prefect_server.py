"""A Prefect server of the tests' own: fresh, with a home of its own, and without what another module saved in it."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import certifi
import pytest

from tests.rigs.databases import copy_sqlite
from tests.rigs.shared import one_at_a_time, shared_folder

_START_SECONDS = 180


@pytest.fixture(scope="session")
def _server_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start the server, once for all tests that ask for it, and yield the folder in which Prefect keeps its files."""
    # Imported here: most tests need no Prefect, which takes a second to import.
    from prefect.events.clients import NullEventsClient  # noqa: PLC0415
    from prefect.events.worker import EventsWorker  # noqa: PLC0415
    from prefect.server.api.server import SubprocessASGIServer  # noqa: PLC0415
    from prefect.settings import (  # noqa: PLC0415
        PREFECT_API_SSL_CERT_FILE,
        PREFECT_API_URL,
        PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_HOME,
        PREFECT_LOGGING_TO_API_ENABLED,
        PREFECT_SERVER_DATABASE_CONNECTION_URL,
        PREFECT_SERVER_DATABASE_MIGRATE_ON_START,
        PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED,
        PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED,
        PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED,
        temporary_settings,
    )

    home = tmp_path_factory.mktemp("prefect")
    database, made = home / "prefect-tests.db", shared_folder() / "prefect-made.db"
    settings = {
        PREFECT_HOME: home,
        PREFECT_SERVER_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{database}",
        # The heartbeat makes every flow run last a second longer.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        # Each client would ask for a token that this server has not.
        PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False,
        # Both write at every step of a task, and on SQLite keep each other and the throttle waiting for a minute.
        PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED: False,
        PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED: False,
        # No automation of these tests waits for what happens; the tests of `make up` have servers of their own.
        PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED: False,
        # Tests read what Prefect hands on to pytest; for those that search all that Prefect keeps: `logs_are_kept`.
        PREFECT_LOGGING_TO_API_ENABLED: False,
        PREFECT_API_SSL_CERT_FILE: str(_one_certificate(home)),
    }
    with ExitStack() as stack:
        stack.enter_context(temporary_settings(settings))
        # Nobody reads the events, and a third of the server's work was to take them.
        EventsWorker.set_client_override(NullEventsClient)
        stack.callback(EventsWorker.set_client_override, None)
        server = SubprocessASGIServer(port=_free_port())
        with one_at_a_time("prefect"):
            # Prefect takes ten seconds to make its tables: once for all processes.
            if made.exists():
                copy_sqlite(made, database)
                stack.enter_context(temporary_settings({PREFECT_SERVER_DATABASE_MIGRATE_ON_START: False}))
            server.start(timeout=_START_SECONDS)
            stack.callback(server.stop)
            if not made.exists():
                copy_sqlite(database, made)
        stack.enter_context(temporary_settings({PREFECT_API_URL: server.api_url}))
        # While the address is set: without it, Prefect starts a server of its own for what waits, for twenty seconds.
        stack.callback(_send_what_waits)
        yield home


def _one_certificate(folder: Path) -> Path:
    """Keep one authority in a file: each client would read all of them, for a server that has no certificate."""
    file, end = folder / "authority.pem", "-----END CERTIFICATE-----\n"
    file.write_text(Path(certifi.where()).read_text(encoding="utf-8").partition(end)[0] + end, encoding="utf-8")
    return file


def _send_what_waits() -> None:
    """Let no log line or event look for the server when it is gone."""
    from prefect.events.worker import EventsWorker  # noqa: PLC0415  # as above
    from prefect.logging.handlers import APILogWorker  # noqa: PLC0415

    with suppress(RuntimeError):  # it was never started
        APILogWorker.instance().drain()
    EventsWorker.drain_all()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def prefect_home(_server_home: Path) -> Iterator[Path]:
    """Yield the home of a server without saved blocks, flows and runs: which modules ran before makes no difference.

    The key of the addresses stays: the prepared databases of the session are hashed with it.
    """
    from prefect.client.orchestration import get_client  # noqa: PLC0415  # as above

    from blocks.address_key import SECRET_NAME  # noqa: PLC0415  # as above

    yield _server_home
    with get_client(sync_client=True) as client:
        while saved := [one for one in client.read_block_documents() if one.name != SECRET_NAME]:
            for document in saved:
                client.delete_block_document(document.id)
        # With its deployments and runs: a run that failed on purpose is an alert on the page of the next module.
        while flows := client.read_flows():
            for flow in flows:
                client.delete_flow(flow.id)


@pytest.fixture
def logs_are_kept(prefect_home: Path) -> Iterator[None]:
    """Let Prefect keep the log lines of runs, as it does outside of these tests."""
    from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings  # noqa: PLC0415  # as above

    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}):
        yield

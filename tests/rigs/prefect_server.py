"""A Prefect server of the tests' own: fresh, with a home of its own, and without what another module saved in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

_START_SECONDS = 180


@pytest.fixture(scope="session")
def _server_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start the server, once for all tests that ask for it, and yield the folder in which Prefect keeps its files."""
    # Imported here: most tests need no Prefect, which takes a second to import.
    from prefect.settings import (  # noqa: PLC0415
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_HOME,
        PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED,
        PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED,
        temporary_settings,
    )
    from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415

    home = tmp_path_factory.mktemp("prefect")
    settings = {
        PREFECT_HOME: home,
        # The heartbeat makes every flow run last a second longer.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        # Both write at every step of a task, and on SQLite keep each other and the throttle waiting for a minute.
        PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED: False,
        PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED: False,
    }
    with temporary_settings(settings), prefect_test_harness(server_startup_timeout=_START_SECONDS):
        yield home


@pytest.fixture(scope="module")
def prefect_home(_server_home: Path) -> Iterator[Path]:
    """Yield the home of a server without saved blocks and deployments: which modules ran before makes no difference."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415  # as above

    yield _server_home
    with get_client(sync_client=True) as client:
        while saved := client.read_block_documents():
            for document in saved:
                client.delete_block_document(document.id)
        while deployments := client.read_deployments():
            for deployment in deployments:
                client.delete_deployment(deployment.id)

"""A Prefect server of the tests' own: fresh, with a home of its own, and limits so wide that nothing waits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

_START_SECONDS = 180


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start the server, once for all tests that ask for it, and yield the folder in which Prefect keeps its files."""
    # Imported here: most tests need no Prefect, which takes a second to import.
    from prefect.settings import (  # noqa: PLC0415
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_HOME,
        PREFECT_LOGGING_LEVEL,
        temporary_settings,
    )
    from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415

    home = tmp_path_factory.mktemp("prefect")
    # Prefect's heartbeat makes every flow run last a second longer.
    settings = {PREFECT_HOME: home, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_LOGGING_LEVEL: "INFO"}
    with temporary_settings(settings), prefect_test_harness(server_startup_timeout=_START_SECONDS):
        yield home

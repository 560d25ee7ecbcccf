"""Fixtures for tests marked `flow`: their flows run against the tests' own Prefect server, and never wait."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from tasks.run.retry_policy import TALKS_TO_SALESFORCE
from tasks.run.throttle import LIMITS


@pytest.fixture
def _no_waiting(prefect_home: Path) -> None:
    """Let nothing wait for a turn."""
    with get_client(sync_client=True) as client:
        for name in LIMITS:
            client.upsert_global_concurrency_limit_by_name(name, limit=100_000, slot_decay_per_second=1000)


@pytest.fixture
def _tries_again_at_once() -> Iterator[None]:
    """Let no task wait before its next try; all of them share one list of delays."""
    delays: list[float] = TALKS_TO_SALESFORCE["retry_delay_seconds"]
    kept = delays[:]
    delays[:] = [0.0] * len(kept)
    yield
    delays[:] = kept


@pytest.fixture
def _prefect_logs_are_caught() -> Iterator[None]:
    """Hand Prefect's log lines on to pytest."""
    logger = logging.getLogger("prefect")
    logger.propagate = True
    yield
    logger.propagate = False


@pytest.fixture(autouse=True)
def _flow_runs_quickly(request: pytest.FixtureRequest) -> None:
    """Let tests marked `flow` run flows that never wait, against the tests' own Prefect server."""
    if request.node.get_closest_marker("flow"):
        request.getfixturevalue("_no_waiting")
        request.getfixturevalue("_tries_again_at_once")
        request.getfixturevalue("_prefect_logs_are_caught")

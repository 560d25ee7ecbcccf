"""Pulls that a schedule starts: one at a time, and those that were missed are left to the newest one."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.exceptions import CancelledRun
from prefect.flow_engine import run_flow
from prefect.states import Pending

from deployments.definitions import build_deployments
from flows.incremental_pull import EVERY
from tasks.run.ending import end_in_a_sentence
from tasks.run.run import utc_now

pytestmark = pytest.mark.flow


@pytest.fixture
def client(prefect_home: Path) -> Iterator[SyncPrefectClient]:
    """Give the way to the tests' Prefect server."""
    with get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture
def deployment(client: SyncPrefectClient) -> Iterator[UUID]:
    """Deploy the pull; its schedule would start runs at moments of its own, so it is paused."""
    (made,) = [one for one in build_deployments() if one.name == "incremental-pull"]
    deployment_id = UUID(str(made.apply()))
    client.pause_deployment(deployment_id)
    yield deployment_id
    client.delete_deployment(deployment_id)


def test_pull_that_is_still_going_makes_the_next_one_end_visibly(client: SyncPrefectClient, deployment: UUID) -> None:
    first, second = (client.create_flow_run_from_deployment(deployment).id for _ in range(2))

    client.set_flow_run_state(first, Pending())
    client.set_flow_run_state(second, Pending())

    found = client.read_flow_run(second).state
    assert found is not None
    assert (found.name, found.message) == ("Cancelled", "Deployment concurrency limit reached.")


@pytest.mark.parametrize("worker_is_ahead", [timedelta(0), timedelta(hours=1)])
def test_runs_that_were_missed_are_left_to_the_newest(
    client: SyncPrefectClient, deployment: UUID, *, worker_is_ahead: timedelta
) -> None:
    """Also when the worker's clock is fast: by that clock, every run would come too late."""

    @flow
    def pulled(
        dry_run: bool, show_values: bool, overlap_minutes: int, full_sync_first: bool, approve_changes: bool
    ) -> str:
        return end_in_a_sentence(lambda: "Done.", every=EVERY, clock=lambda: utc_now() + worker_is_ahead)

    def pull(run_id: UUID) -> str:
        run = client.read_flow_run(run_id)
        state: Any = run_flow(pulled, run, {}, return_type="state")
        return str(state.name)

    ends = [pull(run_id) for run_id in _scheduled(client, deployment, utc_now())]

    assert ends == ["Skipped", "Skipped", "Completed"]


def _scheduled(client: SyncPrefectClient, deployment: UUID, now: datetime) -> list[UUID]:
    """Return the runs of the last three intervals as the scheduler makes them, oldest first."""
    span = {"start_time": (now - 3 * EVERY).isoformat(), "end_time": now.isoformat(), "min_runs": 1, "max_runs": 3}
    client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment}, json=span)
    only_these = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
    runs = client.read_flow_runs(flow_run_filter=only_these)
    return [run.id for run in sorted(runs, key=lambda run: run.expected_start_time or now)]


def test_skipped_run_is_logged_as_a_sentence(client: SyncPrefectClient, deployment: UUID) -> None:
    """Who starts the worker after a pause finds no traceback in the terminal."""
    terminal = QueueHandler(logged := SimpleQueue[logging.LogRecord]())
    terminal.prepare = lambda record: record  # type: ignore[method-assign]  # else it is text, without its traceback
    logger = logging.getLogger("prefect.flow_runs")
    logger.addHandler(terminal)

    @flow
    def pulled(
        dry_run: bool, show_values: bool, overlap_minutes: int, full_sync_first: bool, approve_changes: bool
    ) -> str:
        return end_in_a_sentence(lambda: "Done.", every=EVERY)

    run = client.read_flow_run(_scheduled(client, deployment, utc_now())[0])
    try:
        with pytest.raises(CancelledRun):
            run_flow(pulled, run, {}, error_logger=logger)
    finally:
        logger.removeHandler(terminal)
    records = [logged.get() for _ in range(logged.qsize())]
    assert [one.exc_info for one in records] == [None] * len(records)
    assert "the next run does the work of this one too" in records[-1].getMessage()

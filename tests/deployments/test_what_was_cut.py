"""What `make up` does at its start and end with runs that were cut: each ends, and a full sync goes on, once."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelling, Completed, Crashed, Running

from deployments.cut_runs import end_cut_runs


def _run_that_ends(client: SyncPrefectClient, deployment: str, ending: State | None) -> UUID:
    """Start a run of a new flow's deployment, and let it get to a state."""
    flow = client.create_flow_from_name(f"flow-{uuid4().hex[:8]}")
    made = client.create_deployment(flow, deployment)
    run = client.create_flow_run_from_deployment(made, parameters={"repair": True})
    client.set_flow_run_state(run.id, Running(), force=True)
    if ending:
        client.set_flow_run_state(run.id, ending, force=True)
    return run.id


def _runs_of(client: SyncPrefectClient, run_id: UUID) -> list[FlowRun]:
    first = client.read_flow_run(run_id)
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter())
    return [run for run in found if run.deployment_id == first.deployment_id]


@pytest.mark.parametrize(
    ("deployment", "ending", "ends_as", "runs"),
    [
        ("full-sync", lambda: None, "Crashed", 2),
        # As a run ends itself when its server is gone before it.
        ("full-sync", lambda: Crashed(message="Execution was aborted by Python system exit call."), "Crashed", 2),
        ("full-sync", Completed, "Completed", 1),
        ("full-sync", Cancelling, "Cancelled", 1),
        ("incremental-pull", lambda: None, "Crashed", 1),
    ],
)
def test_full_sync_that_was_cut_goes_on_once_and_every_cut_run_ends(
    prefect_home: Path, deployment: str, ending: Callable[[], State | None], ends_as: str, runs: int
) -> None:
    with get_client(sync_client=True) as client:
        cut = _run_that_ends(client, deployment, ending())

        said = [*end_cut_runs(), *end_cut_runs()]

        state = client.read_flow_run(cut).state
        assert state is not None
        assert state.name == ends_as
        assert ("goes on from there" in (state.message or "")) == (ends_as != "Completed")
        found = _runs_of(client, cut)
        assert len(found) == runs
        assert [run.parameters for run in found] == [{"repair": True}] * runs
        assert len([line for line in said if line.startswith("full-sync goes on")]) == runs - 1

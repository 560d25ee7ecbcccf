"""Runs that were cut when `make up` stopped: ended with a sentence, and a full sync started again."""

from collections.abc import Iterator
from contextlib import suppress

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, DeploymentFilterName, FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Crashed

_CUT = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
_GOES_ON = "full-sync"
_SENTENCE = "Stopped together with make up; what it had stored stays, and the next run goes on from there."


def end_cut_runs() -> Iterator[str]:
    """End every run of a deployment that is under way, free its place, and yield a line for each.

    Only for a server whose one runner is not at work: `make up` before it starts its runner, and after. A full sync
    that was cut is started again.
    """
    with get_client(sync_client=True) as client:
        cut = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": _CUT}}}))
        for run in cut:
            if run.deployment_id is None:
                continue  # started by a person's own program, which may be alive
            end_processes_of_runs(PREFECT__FLOW_RUN_ID=str(run.id))
            # Who was cancelling it does not want it to go on.
            ended = Cancelled if run.state_type is StateType.CANCELLING else Crashed
            client.set_flow_run_state(run.id, ended(message=_SENTENCE), force=True)
            yield f"{run.name}: stopped; what it had stored stays."
        yield from _go_on(client)
        _free_places(client)


def _go_on(client: SyncPrefectClient) -> Iterator[str]:
    """Make another run of the last full sync when that was cut, unless somebody has.

    A run whose server went before it has ended itself by now, in words of Prefect's own.
    """
    found = client.read_deployments(deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[_GOES_ON])))
    for deployment in found:
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        )
        last = next((run for run in runs if run.start_time), None)
        is_asked = any(run.state_type is StateType.SCHEDULED and not run.auto_scheduled for run in runs)
        if last is None or last.state_type is not StateType.CRASHED or is_asked:
            continue
        client.set_flow_run_state(last.id, Crashed(message=_SENTENCE), force=True)
        client.create_flow_run_from_deployment(deployment.id, parameters=last.parameters)
        yield "full-sync goes on with the next start, or now."


def end_processes_of_runs(**environment: str) -> None:
    """End the processes of runs, which carry this environment: one that has outlived its runner would write
    beside the next one, and report to the next server what belongs to the one before."""
    for process in psutil.process_iter():
        # Gone by now, or another user's.
        with suppress(psutil.Error):
            its_own = process.environ()
            if "PREFECT__FLOW_RUN_ID" in its_own and environment.items() <= its_own.items():
                process.kill()


def _free_places(client: SyncPrefectClient) -> None:
    """Free what the ended runs held; the server would wait for five minutes, or for ever when it was stopped too."""
    for limit in client.read_global_concurrency_limits(limit=200):
        if limit.active_slots and not limit.slot_decay_per_second:
            update = GlobalConcurrencyLimitUpdate(active_slots=0)
            client.update_global_concurrency_limit(limit.name, update)

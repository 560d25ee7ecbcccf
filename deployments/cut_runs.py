"""Runs that were cut when `make up` stopped: ended with a sentence, and a full sync started again."""

from collections.abc import Iterator

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

_CUT = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
_GOES_ON_AT_ONCE = "full-sync"
_SENTENCE = "Stopped together with make up; what it had stored stays, and the next run goes on from there."


def end_cut_runs() -> Iterator[str]:
    """End every run of a deployment that is under way, free its place, and yield a line for each.

    Only for a server whose one runner is not at work: `make up` before it starts its runner, and after. Of a full sync
    that was cut, another run is made at once.
    """
    with get_client(sync_client=True) as client:
        names = {deployment.id: deployment.name for deployment in client.read_deployments()}
        cut = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": _CUT}}}))
        for run in cut:
            if run.deployment_id is None:
                continue  # started by a person's own program, which may be alive
            _end_process(run)
            client.set_flow_run_state(run.id, Crashed(message=_SENTENCE), force=True)
            yield f"{run.name}: stopped; what it had stored stays."
            if names.get(run.deployment_id) == _GOES_ON_AT_ONCE:
                client.create_flow_run_from_deployment(run.deployment_id, parameters=run.parameters)
                yield "full-sync goes on with the next start, or now."
        _free_places(client)


def _end_process(run: FlowRun) -> None:
    """End the process of a run that has outlived its runner; it would write beside the next one."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("PREFECT__FLOW_RUN_ID") == str(run.id):
                process.kill()
        except psutil.Error:  # gone by now, or another user's
            continue


def _free_places(client: SyncPrefectClient) -> None:
    """Free what the ended runs held; the server would wait for five minutes, or for ever when it was stopped too."""
    for limit in client.read_global_concurrency_limits(limit=200):
        if limit.active_slots and not limit.slot_decay_per_second:
            update = GlobalConcurrencyLimitUpdate(active_slots=0)
            client.update_global_concurrency_limit(limit.name, update)

"""Alerts as Prefect events, one at each change of state; the automations act on them."""

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events import emit_event

from crm_sync.budget.alerts_store import BACKLOG, BREAKER, FLOW_FAILED, REJECTS, AlertChange, change_alerts, find_alerts
from crm_sync.consent.deployteq_store import find_waiting_alert, read_waiting_noes
from crm_sync.consent.overview_store import CONSENT, find_consent_alerts, read_overview
from crm_sync.database.engine import CustomerDatabase
from crm_sync.runs.states import RunState
from tasks.log import run_logger

ALERT_ON = "deployteq.alert.on"
ALERT_OFF = "deployteq.alert.off"
RESOURCE = "deployteq.alert"

_IN_THE_DATABASE = (BREAKER, REJECTS, BACKLOG, CONSENT)
_ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED]
# Runs that a limit has cut say nothing about what is wrong, and the breaker has an alert of its own; a misspelt name is
# shown to the person who typed it.
_NO_VERDICT = {RunState.CUT_BY_LIMIT, RunState.NOBODY_WAITS}
_LOOKED_AT = 10


def raise_alerts(
    database: CustomerDatabase,
    org: str,
    now: datetime,
    *,
    rejects_above: int,
    flows: Collection[str] = (),
) -> list[AlertChange]:
    """Emit an event for each alert that has come on or gone off; `flows`: of which to see how the last run ended."""
    failed = failed_flows(flows)
    with database.transaction() as connection:
        found = find_alerts(connection, org, rejects_above=rejects_above) | failed
        found |= find_consent_alerts(read_overview(connection, now), now)
        found |= find_waiting_alert(read_waiting_noes(connection), now)
        kinds = (*_IN_THE_DATABASE, FLOW_FAILED) if flows else _IN_THE_DATABASE
        changes = change_alerts(connection, org, found, kinds=kinds, now=now)
    for change in changes:
        _emit(change, org)
    return changes


def failed_flows(flows: Collection[str]) -> dict[str, str]:
    """Return the alert of each flow whose last run failed or crashed, as Prefect knows it."""
    found = {}
    with get_client(sync_client=True) as client:
        for flow in flows:
            runs = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
                flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_ENDED))),
                sort=FlowRunSort.END_TIME_DESC,
                limit=_LOOKED_AT,
            )
            last = next((run for run in runs if run.state_name not in _NO_VERDICT), None)
            if last is not None and last.state_type != StateType.COMPLETED:
                found[f"{FLOW_FAILED}.{flow}"] = f"The last run of {flow} ended as {last.state_name}: {last.name}."
    return found


def _emit(change: AlertChange, org: str) -> None:
    run_logger().warning("Alert %s: %s", "on" if change.is_on else "off", change.reason)
    # The org's key may be a user's name, which no event should carry.
    digest = sha256(org.encode()).hexdigest()[:8]
    emit_event(
        ALERT_ON if change.is_on else ALERT_OFF,
        resource={
            "prefect.resource.id": f"{RESOURCE}.{change.name.replace(' ', '-')}.{digest}",
            "prefect.resource.name": change.name,
        },
        payload={"reason": change.reason},
    )

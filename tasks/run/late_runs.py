"""Runs that come too late: after a pause of the worker, every run that was missed is offered at once."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Cancelled

from crm_sync.runs.states import RunState


def is_late_run(interval: timedelta, now: datetime) -> bool:
    """Tell whether this run was scheduled for more than an interval ago, so that a later one is due already."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or not run.auto_scheduled or run.expected_start_time is None:
        return False
    due = run.expected_start_time + interval
    # The schedule goes by the server's clock. By a worker's that is fast, no run would ever come in time.
    return now > due and _server_time() > due


def _server_time() -> datetime:
    with get_client(sync_client=True) as client:
        return parsedate_to_datetime(client.request("GET", "/health").headers["Date"])


def skipped_state(interval: timedelta) -> State[Any]:
    """Return the final state of a run that leaves its work to the next one."""
    minutes = round(interval.total_seconds() / 60)
    sentence = f"More than {minutes} minutes late; the next run does the work of this one too."
    return Cancelled(name=RunState.SKIPPED, message=sentence)

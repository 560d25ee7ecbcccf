"""Reads the figures of the budget's page, and what earlier runs took, from the ledger."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from crm_sync.budget.breaker_store import closed_breakers
from crm_sync.budget.orgs_store import keys_of, read_org_usage
from crm_sync.budget.report import BudgetFigures, RunCost
from crm_sync.budget.rules import DAY, HOUR
from crm_sync.database.tables.customers import request_ledger, sync_run

_SHOWN_RUNS = 10
_NO_SUCCESS = 300


def read_figures(connection: Connection, org: str, now: datetime) -> BudgetFigures:
    """Return the figures of the last 24 hours; `org`: the name under which its requests are counted."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    starts = [this_hour - HOUR * ago for ago in reversed(range(24))]
    return BudgetFigures(
        at=now,
        hour=_by_flow_and_kind(connection, org, now - HOUR),
        day=_by_flow_and_kind(connection, org, now - DAY),
        by_hour={
            start: sum(_by_flow_and_kind(connection, org, start, start + timedelta(hours=1)).values())
            for start in starts
        },
        org=read_org_usage(connection, org),
        breakers=closed_breakers(connection, org),
        runs=_runs(connection, org),
    )


def _by_flow_and_kind(
    connection: Connection, org: str, after: datetime, until: datetime | None = None
) -> dict[tuple[str, str], int]:
    columns = (request_ledger.c.flow, request_ledger.c.kind)
    query = select(*columns, func.count()).where(request_ledger.c.org == org, request_ledger.c.at > after)
    if until is not None:
        query = query.where(request_ledger.c.at <= until)
    return {(flow, kind): requests for flow, kind, requests in connection.execute(query.group_by(*columns))}


def _runs(connection: Connection, org: str) -> list[RunCost]:
    columns = (sync_run.c.flow, sync_run.c.started_at, sync_run.c.requests_forecast, sync_run.c.requests_used)
    ended = (sync_run.c.requests_forecast.is_not(None), sync_run.c.ended_at.is_not(None))
    query = select(*columns).where(sync_run.c.org.in_(keys_of(connection, org)), *ended)
    rows = connection.execute(query.order_by(sync_run.c.id.desc()).limit(_SHOWN_RUNS))
    return [RunCost(*row) for row in rows]


def save_forecast(connection: Connection, sync_run_id: int, requests: int) -> None:
    """Store with a run how many requests it will take in all; the first forecast stays."""
    unknown = (sync_run.c.id == sync_run_id, sync_run.c.requests_forecast.is_(None))
    connection.execute(update(sync_run).values(requests_forecast=requests).where(*unknown))


def polls_per_job(connection: Connection, org: str, flow: str = "full_sync") -> float | None:
    """Return how many polls a Bulk job took in the flow's runs of the last days, None without any."""
    kinds = select(request_ledger.c.kind, func.count()).where(
        request_ledger.c.org == org, request_ledger.c.flow == flow, request_ledger.c.status < _NO_SUCCESS
    )
    made = {row[0]: row[1] for row in connection.execute(kinds.group_by(request_ledger.c.kind))}
    # A job that writes is created, given its records and begun; one that reads is only created.
    jobs = made.get("bulk_job", 0) / (1 if flow == "full_sync" else 3)
    return made["bulk_poll"] / jobs if jobs and made.get("bulk_poll") else None

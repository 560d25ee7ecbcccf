"""What the budget's page is made of, what earlier runs took, and the end of what the ledger remembers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update

from crm_sync.budget.breaker import ClosedBreaker, closed_breakers
from crm_sync.budget.orgs import keys_of
from crm_sync.budget.rules import DAY, OrgUsage
from crm_sync.customers.org_use import read_org_use
from crm_sync.database.tables.customers import request_ledger, sync_run

# A week and a day, so that a weekly run can be held against the one before.
_REMEMBERED = timedelta(days=8)
_PRUNED_AT_ONCE = 20_000
_SHOWN_RUNS = 10
_NO_SUCCESS = 300


@dataclass(frozen=True)
class RunCost:
    """What a run was forecast to take, and what it took."""

    flow: str
    started_at: datetime
    forecast: int
    used: int


@dataclass(frozen=True)
class BudgetFigures:
    """Requests by (flow, kind) of the last hour and the last 24 hours, by the hour in which they were made, the org's
    last figures, closed breakers, and recent runs with a forecast."""

    at: datetime
    hour: Mapping[tuple[str, str], int]
    day: Mapping[tuple[str, str], int]
    by_hour: Mapping[datetime, int]
    org: OrgUsage | None
    breakers: list[ClosedBreaker]
    runs: list[RunCost]


def read_figures(connection: Connection, org: str, now: datetime, hour: timedelta) -> BudgetFigures:
    """Return the figures of the last 24 hours; `org`: the name under which its requests are counted."""
    by_hour = {
        start: sum(_by_flow_and_kind(connection, org, start, start + timedelta(hours=1)).values())
        for start in hours_until(now)
    }
    return BudgetFigures(
        at=now,
        hour=_by_flow_and_kind(connection, org, now - hour, None),
        day=_by_flow_and_kind(connection, org, now - DAY, None),
        by_hour=by_hour,
        org=read_org_use(connection, org),
        breakers=closed_breakers(connection, org),
        runs=_runs(connection, org),
    )


def hours_until(now: datetime) -> list[datetime]:
    """Return the starts of the last 24 clock hours, the one that is not over last."""
    this = now.replace(minute=0, second=0, microsecond=0)
    return [this - timedelta(hours=ago) for ago in reversed(range(24))]


def _by_flow_and_kind(
    connection: Connection, org: str, after: datetime, until: datetime | None
) -> dict[tuple[str, str], int]:
    query = (
        select(request_ledger.c.flow, request_ledger.c.kind, func.count())
        .where(request_ledger.c.org == org, request_ledger.c.at > after)
        .group_by(request_ledger.c.flow, request_ledger.c.kind)
    )
    if until is not None:
        query = query.where(request_ledger.c.at <= until)
    return {(flow, kind): requests for flow, kind, requests in connection.execute(query)}


def _runs(connection: Connection, org: str) -> list[RunCost]:
    columns = (sync_run.c.flow, sync_run.c.started_at, sync_run.c.requests_forecast, sync_run.c.requests_used)
    ended = (sync_run.c.requests_forecast.is_not(None), sync_run.c.ended_at.is_not(None))
    query = (
        select(*columns)
        .where(sync_run.c.org.in_(keys_of(connection, org)), *ended)
        .order_by(sync_run.c.id.desc())
        .limit(_SHOWN_RUNS)
    )
    return [RunCost(*row) for row in connection.execute(query)]


def save_forecast(connection: Connection, sync_run_id: int, requests: int) -> None:
    """Store with a run how many requests it will take in all; the first forecast stays."""
    unknown = (sync_run.c.id == sync_run_id, sync_run.c.requests_forecast.is_(None))
    connection.execute(update(sync_run).values(requests_forecast=requests).where(*unknown))


def bulk_polls_of_a_job(connection: Connection, org: str, flow: str = "full_sync") -> float | None:
    """Return how often runs of the last days looked at a job until it was complete, None without any."""
    kinds = select(request_ledger.c.kind, func.count()).where(
        request_ledger.c.org == org, request_ledger.c.flow == flow, request_ledger.c.status < _NO_SUCCESS
    )
    made = {row[0]: row[1] for row in connection.execute(kinds.group_by(request_ledger.c.kind))}
    # A job that writes is created, given its records and begun; one that reads is only created.
    jobs = made.get("bulk_job", 0) / (1 if flow == "full_sync" else 3)
    return made["bulk_poll"] / jobs if jobs and made.get("bulk_poll") else None


def forget_old_requests(connection: Connection, org: str, now: datetime) -> None:
    """Remove what the ledger need not remember; a part of it at a time, oldest first, for others wait meanwhile."""
    oldest = (
        select(request_ledger.c.id)
        .where(request_ledger.c.org == org, request_ledger.c.at < now - _REMEMBERED)
        .order_by(request_ledger.c.at)
        .limit(_PRUNED_AT_ONCE)
    )
    connection.execute(delete(request_ledger).where(request_ledger.c.id.in_(oldest)))

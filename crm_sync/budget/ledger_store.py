"""The rows of the request ledger: one for each request, entered before it is made."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from crm_sync.budget.rules import DAY, RequestCounts
from crm_sync.database.dialects import lock_until_commit
from crm_sync.database.tables.customers import request_ledger
from crm_sync.requests import ApiUsage

_LEDGER_LOCK = 7_023_003
_DAY_COUNT_LASTS = timedelta(minutes=1)
# A week and a day, so that a weekly run can be compared with the one before.
_KEPT_FOR = timedelta(days=8)
_PRUNED_AT_ONCE = 20_000


@dataclass(frozen=True)
class DayCount:
    """The requests of 24 hours as counted a moment ago; later ones have a number above `newest`."""

    at: datetime
    newest: int
    by_flow: dict[str, int]


def lock_ledger(connection: Connection) -> None:
    """Let one process count and enter at a time."""
    lock_until_commit(connection, _LEDGER_LOCK)


def enter_request(connection: Connection, org: str, flow: str, kind: str, at: datetime) -> int:
    """Enter a request and return its number."""
    row = {"org": org, "at": at, "flow": flow, "kind": kind}
    number: int = connection.execute(insert(request_ledger).values(row).returning(request_ledger.c.id)).scalar_one()
    return number


def complete_request(
    connection: Connection, number: int, status: int, usage: ApiUsage | None, now: datetime | None
) -> datetime:
    """Store the outcome of a request, which counts from `now` on, or from when it was entered; return that moment."""
    row = {"status": status} | ({"org_used": usage.used, "org_allowed": usage.allowed} if usage else {})
    completed = update(request_ledger).values(row | ({"at": now} if now else {})).where(request_ledger.c.id == number)
    at: datetime = connection.execute(completed.returning(request_ledger.c.at)).scalar_one()
    return at


def count_requests(
    connection: Connection, org: str, at: datetime, hour: timedelta, day: DayCount | None
) -> tuple[RequestCounts, DayCount]:
    """Count the requests by flow. The 24 hours are many rows, counted once in a minute; later requests are added."""
    if day is None or not day.at <= at < day.at + _DAY_COUNT_LASTS:
        newest = connection.scalars(select(func.max(request_ledger.c.id))).one() or 0
        day = DayCount(at, newest, _by_flow(connection, org, request_ledger.c.at > at - DAY))
    later = _later_by_flow(connection, org, day.newest)
    counts = RequestCounts(
        hour=_by_flow(connection, org, request_ledger.c.at > at - hour),
        day={flow: day.by_flow.get(flow, 0) + later.get(flow, 0) for flow in {*day.by_flow, *later}},
    )
    return counts, day


def _by_flow(connection: Connection, org: str, condition: ColumnElement[bool]) -> dict[str, int]:
    query = select(request_ledger.c.flow, func.count()).where(request_ledger.c.org == org, condition)
    return {row[0]: row[1] for row in connection.execute(query.group_by(request_ledger.c.flow))}


def _later_by_flow(connection: Connection, org: str, newest: int) -> dict[str, int]:
    # Not limited to the org: SQLite would go through all rows of the org instead of the newest ones.
    columns = (request_ledger.c.org, request_ledger.c.flow)
    query = select(*columns, func.count()).where(request_ledger.c.id > newest).group_by(*columns)
    return {row[1]: row[2] for row in connection.execute(query) if row[0] == org}


def next_headroom_at(connection: Connection, org: str, span: timedelta, headroom: int, at: datetime) -> datetime:
    """Return when enough requests are older than `span` for one more to fit; `headroom`: now, zero or negative."""
    oldest = (
        select(request_ledger.c.at)
        .where(request_ledger.c.org == org, request_ledger.c.at > at - span)
        .order_by(request_ledger.c.at)
        .offset(-headroom)
        .limit(1)
    )
    return (connection.scalars(oldest).one_or_none() or at) + span


def prune_ledger(connection: Connection, org: str, now: datetime) -> None:
    """Delete old requests, oldest first and a part of them at a time, since other processes wait meanwhile."""
    oldest = (
        select(request_ledger.c.id)
        .where(request_ledger.c.org == org, request_ledger.c.at < now - _KEPT_FOR)
        .order_by(request_ledger.c.at)
        .limit(_PRUNED_AT_ONCE)
    )
    connection.execute(delete(request_ledger).where(request_ledger.c.id.in_(oldest)))

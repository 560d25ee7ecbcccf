"""The breaker: when Salesforce says that a limit is reached, nobody asks again until a set time, in any process.

After that time one request tries; its answer opens the breaker or keeps it closed for twice as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, delete, select, update

from crm_sync.database.dialects import insert_for
from crm_sync.database.tables.budget import breaker
from crm_sync.errors import LimitReachedError, LoginLimitError
from crm_sync.requests import RequestKind

FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=1)
# Longer than any request may take: a prober that was killed is given up then.
PROBE_TIME = timedelta(minutes=11)

_ON_ITS_WAY = ""
_SUCCESS = range(200, 300)


class Scope(StrEnum):
    """What a closed breaker stops."""

    ALL = "all requests"
    LOGIN = "logins"
    BULK = "Bulk jobs"


_SENTENCES = {
    Scope.ALL: "Salesforce has said that the org's requests are used up, so nothing is sent before {until:%H:%M} UTC; "
    "the next run after that goes on from here.",
    Scope.LOGIN: "Salesforce has said that this user logs in too often, so nobody logs in before {until:%H:%M} UTC; "
    "runs that have a session go on.",
    Scope.BULK: "Salesforce has said that the Bulk jobs of the day are used up, so none is started before "
    "{until:%H:%M} UTC; the next run after that goes on from here.",
}


@dataclass(frozen=True)
class ClosedBreaker:
    """A closed breaker as the budget's page shows it."""

    scope: Scope
    closed_at: datetime
    until: datetime


def closed_breakers(connection: Connection, org: str) -> list[ClosedBreaker]:
    """Return the org's closed breakers."""
    rows = connection.execute(select(breaker).where(breaker.c.org == org).order_by(breaker.c.scope))
    return [ClosedBreaker(Scope(row.scope), row.closed_at, row.until) for row in rows]


def closed_for(connection: Connection, org: str, kind: str, holder: str, now: datetime) -> LimitReachedError | None:
    """Return the error when a breaker stops this request of `holder`, None when it may go."""
    for scope, row in _closed(connection, org, kind).items():
        until = row["until"]
        if now >= until:
            is_free = row["probe_until"] is None or now >= row["probe_until"] or row["prober"] == holder
            until = None if is_free else row["probe_until"]
        if until is not None:
            error = LoginLimitError if scope is Scope.LOGIN else LimitReachedError
            return error(_SENTENCES[scope].format(until=until), until=until)
    return None


def claim_probes(connection: Connection, org: str, kind: str, holder: str, now: datetime) -> list[Scope]:
    """Return the breakers for which this request, now certain to be made, is the one that tries.

    A login does not try anything but logins: Salesforce takes logins when it takes no requests. Whoever logs in to
    try has the next turn.
    """
    probed = []
    for scope in _closed(connection, org, kind):
        is_before_the_probe = scope is Scope.ALL and kind == RequestKind.LOGIN
        _claim(connection, org, scope, holder if is_before_the_probe else _ON_ITS_WAY, now)
        if not is_before_the_probe:
            probed.append(scope)
    return probed


def _closed(connection: Connection, org: str, kind: str) -> dict[Scope, RowMapping]:
    """Return the closed breakers that are about this kind of request."""
    scopes = [Scope.ALL]
    scopes += [Scope.LOGIN] if kind == RequestKind.LOGIN else []
    scopes += [Scope.BULK] if kind == RequestKind.BULK_JOB else []
    rows = connection.execute(select(breaker).where(breaker.c.org == org, breaker.c.scope.in_(scopes))).mappings()
    return {Scope(row["scope"]): row for row in rows}


def _claim(connection: Connection, org: str, scope: Scope, prober: str, now: datetime) -> None:
    connection.execute(
        update(breaker)
        .values(prober=prober, probe_until=now + PROBE_TIME)
        .where(breaker.c.org == org, breaker.c.scope == scope)
    )


def settle_probe(
    connection: Connection, org: str, scopes: Sequence[Scope], *, status: int, holder: str, now: datetime
) -> None:
    """Open the breakers when the probe succeeded; after any other answer the same holder may try again.

    A refusal for a limit is told to `close_breaker` too, which then counts.
    """
    for scope in scopes:
        if status in _SUCCESS:
            connection.execute(delete(breaker).where(breaker.c.org == org, breaker.c.scope == scope))
        else:
            _claim(connection, org, scope, holder, now)


def close_breaker(connection: Connection, org: str, kind: str, error: LimitReachedError, now: datetime) -> Scope:
    """Close what the refusal is about, until the time it names, or for longer after each probe in vain."""
    scope = _scope_of(kind, error)
    before = connection.execute(select(breaker).where(breaker.c.org == org, breaker.c.scope == scope)).one_or_none()
    if before is not None and now < before.until:
        # Requests that were on their way when it closed say nothing new.
        return scope
    pause = FIRST_PAUSE if before is None else min(2 * (before.until - before.closed_at), LONGEST_PAUSE)
    row = {
        "closed_at": now,
        "until": error.until or now + pause,
        "code": error.code,
        "prober": None,
        "probe_until": None,
    }
    statement = insert_for(connection, breaker).values(org=org, scope=scope, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["org", "scope"], set_=row))
    return scope


def _scope_of(kind: str, error: LimitReachedError) -> Scope:
    if isinstance(error, LoginLimitError):
        return Scope.LOGIN
    is_about_jobs = error.code != "REQUEST_LIMIT_EXCEEDED" and kind.startswith("bulk")
    return Scope.BULK if is_about_jobs else Scope.ALL

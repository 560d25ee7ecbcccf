"""The rows of the breaker: what is closed until when, and which process sends the probe."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, select, update

from crm_sync.budget.breaker import (
    PROBE_TIME,
    ClosedBreaker,
    Scope,
    pause_after,
    scope_of_refusal,
    scopes_of,
    stopped,
)
from crm_sync.database.dialects import put_row
from crm_sync.database.tables.budget import breaker
from crm_sync.errors import LimitReachedError
from crm_sync.requests import RequestKind

_ON_ITS_WAY = ""
_SUCCESS = range(200, 300)


def closed_breakers(connection: Connection, org: str) -> list[ClosedBreaker]:
    """Return the org's closed breakers."""
    rows = connection.execute(select(breaker).where(breaker.c.org == org).order_by(breaker.c.scope))
    return [ClosedBreaker(Scope(row.scope), row.closed_at, row.until) for row in rows]


def find_refusal(connection: Connection, org: str, kind: str, holder: str, now: datetime) -> LimitReachedError | None:
    """Return the error when a breaker stops this request of `holder`, None when it may go."""
    for scope, row in _closed(connection, org, kind).items():
        until = row["until"]
        if now >= until:
            is_free = row["probe_until"] is None or now >= row["probe_until"] or row["prober"] == holder
            until = None if is_free else row["probe_until"]
        if until is not None:
            return stopped(scope, until)
    return None


def claim_probes(connection: Connection, org: str, kind: str, holder: str, now: datetime) -> list[Scope]:
    """Return the breakers whose probe this request is, now that it is certain to be made.

    A login probes logins only: Salesforce takes logins when it takes no requests. After it, the same holder may send
    the probe.
    """
    probed = []
    for scope in _closed(connection, org, kind):
        is_before_the_probe = scope is Scope.ALL and kind == RequestKind.LOGIN
        _claim(connection, org, scope, holder if is_before_the_probe else _ON_ITS_WAY, now)
        if not is_before_the_probe:
            probed.append(scope)
    return probed


def close_probe(
    connection: Connection, org: str, scopes: Sequence[Scope], *, status: int, holder: str, now: datetime
) -> None:
    """Open the breakers after a successful probe; after any other answer the same holder may send another.

    For a refusal for a limit, `close_breaker` is called too, and counts.
    """
    for scope in scopes:
        if status in _SUCCESS:
            connection.execute(delete(breaker).where(breaker.c.org == org, breaker.c.scope == scope))
        else:
            _claim(connection, org, scope, holder, now)


def close_breaker(connection: Connection, org: str, kind: str, error: LimitReachedError, now: datetime) -> None:
    """Close what the refusal is about, until the time it names, or for longer after each probe in vain."""
    scope = scope_of_refusal(kind, error)
    before = connection.execute(select(breaker).where(breaker.c.org == org, breaker.c.scope == scope)).one_or_none()
    if before is not None and now < before.until:
        # The requests that were on their way when it closed bring no news.
        return
    pause = pause_after(None if before is None else before.until - before.closed_at)
    values = {
        "closed_at": now,
        "until": error.until or now + pause,
        "code": error.code,
        "prober": None,
        "probe_until": None,
    }
    put_row(connection, breaker, {"org": org, "scope": scope}, values)


def _closed(connection: Connection, org: str, kind: str) -> dict[Scope, RowMapping]:
    """Return the closed breakers that stop this kind of request."""
    wanted = (breaker.c.org == org, breaker.c.scope.in_(scopes_of(kind)))
    return {Scope(row["scope"]): row for row in connection.execute(select(breaker).where(*wanted)).mappings()}


def _claim(connection: Connection, org: str, scope: Scope, prober: str, now: datetime) -> None:
    connection.execute(
        update(breaker)
        .values(prober=prober, probe_until=now + PROBE_TIME)
        .where(breaker.c.org == org, breaker.c.scope == scope)
    )

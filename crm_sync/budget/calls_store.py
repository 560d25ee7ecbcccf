"""The calls to a Deployteq account: every one is entered before it is made, and none is made while Deployteq is down.

Deployteq names no limit of calls, so there is no budget to keep; the pace is kept by Prefect.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from crm_sync.budget.ledger_store import complete_request, enter_request, prune_ledger
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import request_ledger
from crm_sync.errors import DeployteqDownError

# So many calls in a row without an answer stop all flows for a while; then one call is let through to try.
FAILURES = 5
PAUSE = timedelta(minutes=10)
_NO_ANSWER = 0
_PRUNED_EVERY = timedelta(hours=1)
_PREFIX = "deployteq:"


@dataclass(frozen=True)
class CallFigures:
    """The calls of a flow to a brand in the last hour and day, and how many of the day got no answer."""

    brand: str
    flow: str
    hour: int
    day: int
    unanswered: int


def read_calls(connection: Connection, now: datetime) -> list[CallFigures]:
    """Return who called Deployteq how often."""
    ledger = request_ledger.c
    brand = func.substr(ledger.org, len(_PREFIX) + 1)
    query = (
        select(
            brand,
            ledger.flow,
            func.count().filter(ledger.at > now - timedelta(hours=1)),
            func.count(),
            func.count().filter(ledger.status == _NO_ANSWER),
        )
        .where(ledger.org.startswith(_PREFIX), ledger.at > now - timedelta(days=1))
        .group_by(brand, ledger.flow)
        .order_by(brand, ledger.flow)
    )
    return [CallFigures(*row) for row in connection.execute(query)]


def ledger_name(brand: str) -> str:
    """Return the name under which the calls to a brand are counted."""
    return f"{_PREFIX}{brand}"


class CallLedger:
    """Counts the calls of all flows, processes and hosts that share the customer database."""

    def __init__(self, database: CustomerDatabase, *, brand: str, flow: str, clock: Callable[[], datetime]) -> None:
        """Count for a brand."""
        self._database = database
        self._org = ledger_name(brand)
        self._flow = flow
        self._clock = clock
        self.used = 0
        self._pruned_at: datetime | None = None

    def check_open(self) -> None:
        """Raise DeployteqDownError while nothing is to be sent, before anything is begun."""
        with self._database.transaction() as connection:
            self._check(connection)

    def _check(self, connection: Connection) -> None:
        query = (
            select(request_ledger.c.at, request_ledger.c.status)
            .where(request_ledger.c.org == self._org, request_ledger.c.status.is_not(None))
            .order_by(request_ledger.c.at.desc(), request_ledger.c.id.desc())
            .limit(FAILURES)
        )
        last = connection.execute(query).all()
        if len(last) < FAILURES or any(row.status != _NO_ANSWER for row in last):
            return
        until = last[0].at + PAUSE
        if self._clock() < until:
            raise DeployteqDownError(
                f"Deployteq gave no answer {FAILURES} times in a row, so nothing is sent to it before "
                f"{until:%Y-%m-%d %H:%M} UTC; nothing is lost, and the next run after that goes on from here."
            )

    def reserve(self, kind: str, at: datetime) -> int:
        """Enter a call and return its number; raises DeployteqDownError while Deployteq is down."""
        with self._database.transaction() as connection:
            self._check(connection)
            number = enter_request(connection, self._org, self._flow, kind, at)
        self.used += 1
        return number

    def complete(self, request_id: int, status: int) -> None:
        """Store the outcome of a call; 0 when no readable answer came."""
        now = self._clock()
        with self._database.transaction() as connection:
            complete_request(connection, request_id, status, None, now)
            if status and (self._pruned_at is None or now - self._pruned_at > _PRUNED_EVERY):
                prune_ledger(connection, self._org, now)
                self._pruned_at = now

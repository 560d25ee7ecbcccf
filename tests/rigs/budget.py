"""Ledgers with small budgets, and rows that were entered before."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from crm_sync.budget.ledger import RequestLedger
from crm_sync.budget.rules import BudgetRules, Reservation
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import request_ledger
from crm_sync.errors import LimitReachedError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY_IS_OVER = LimitReachedError("The day is over.", code="REQUEST_LIMIT_EXCEEDED")


def rules(
    per_hour: int = 3600, pull: tuple[float, float] = (0, 0), push: tuple[float, float] = (0, 0), **more: Any
) -> BudgetRules:
    """Return rules with reservations of (hour, day) in percent, and with smaller hours than the form takes."""
    return BudgetRules.model_construct(
        requests_per_hour=per_hour,
        keep_for_pull=Reservation(hour=pull[0], day=pull[1]),
        keep_for_push=Reservation(hour=push[0], day=push[1]),
        keep_for_withdrawals=Reservation(),
        **more,
    )


def ledger(
    database: CustomerDatabase,
    flow: str = "full_sync",
    given: BudgetRules | None = None,
    *,
    org: str = "org",
    **more: Any,
) -> RequestLedger:
    """Return the ledger of a flow's run."""
    return RequestLedger(database, org=org, flow=flow, rules=given, **more)


def fill(database: CustomerDatabase, requests: int, at: datetime = NOON, **more: Any) -> None:
    """Enter so many requests, of a full sync unless told otherwise."""
    row = {"org": "org", "at": at, "flow": "full_sync", "kind": "query", **more}
    with database.transaction() as connection:
        connection.execute(insert(request_ledger), [row] * requests)


def spend(spender: RequestLedger, at: datetime = NOON) -> int:
    """Make requests until they are refused, and return how many there were."""
    for made in range(10_000):
        try:
            spender.reserve("query", at)
        except LimitReachedError:
            return made
    raise AssertionError("nobody refuses")

"""Request 3601 of a rolling hour is refused, whoever asks."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from subprocess import PIPE, Popen

import pytest
from sqlalchemy import insert, select

from crm_sync.budget.ledger import RequestLedger
from crm_sync.budget.rules import BudgetRules
from crm_sync.database.engine import CustomerDatabase
from crm_sync.database.tables.customers import request_ledger
from crm_sync.errors import LimitReachedError
from crm_sync.requests import ApiUsage

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _fill(database: CustomerDatabase, requests: int, *, at: datetime = NOON, org: str = "org") -> None:
    row = {"org": org, "at": at, "flow": "full_sync", "kind": "query"}
    with database.transaction() as connection:
        connection.execute(insert(request_ledger), [row] * requests)


def _ledger(database: CustomerDatabase, org: str = "org", per_hour: int = 3600) -> RequestLedger:
    return RequestLedger(database, org=org, flow="full_sync", rules=BudgetRules(per_hour=per_hour, kept={}))


def test_request_3601_of_an_hour_is_refused(database: CustomerDatabase) -> None:
    _fill(database, 3599)
    ledger = _ledger(database)
    ledger.reserve("query", NOON + timedelta(minutes=30))
    with pytest.raises(LimitReachedError, match="3600 Salesforce requests were made in the last hour") as refused:
        ledger.reserve("query", NOON + timedelta(minutes=59, seconds=59))
    assert refused.value.until == NOON + timedelta(hours=1)
    assert ledger.used == 1


def test_window_slides(database: CustomerDatabase) -> None:
    _fill(database, 3599)
    _fill(database, 1, at=NOON + timedelta(minutes=30))
    ledger = _ledger(database)
    hour_later = NOON + timedelta(hours=1)
    for _ in range(3):
        ledger.reserve("query", hour_later)
    assert ledger.used == 3


def test_hour_that_is_full_across_a_clock_hour_is_refused(database: CustomerDatabase) -> None:
    _fill(database, 1800, at=NOON - timedelta(minutes=20))
    _fill(database, 1800, at=NOON + timedelta(minutes=20))
    with pytest.raises(LimitReachedError):
        _ledger(database).reserve("query", NOON + timedelta(minutes=39))


def test_another_org_has_an_hour_of_its_own(database: CustomerDatabase) -> None:
    _fill(database, 3600)
    ledger = _ledger(database, org="other")
    ledger.reserve("login", NOON)
    assert ledger.used == 1


def test_refused_request_is_not_entered(database: CustomerDatabase) -> None:
    _fill(database, 2)
    with pytest.raises(LimitReachedError):
        _ledger(database, per_hour=2).reserve("query", NOON)
    with database.transaction() as connection:
        assert len(connection.execute(select(request_ledger)).all()) == 2


def test_settled_request_says_how_it_ended(database: CustomerDatabase) -> None:
    ledger = _ledger(database)
    answered, lost = ledger.reserve("query", NOON), ledger.reserve("bulk", NOON)
    ledger.settle(answered, 200, ApiUsage(used=17, allowed=15000))
    ledger.settle(lost, 0, None)
    with database.transaction() as connection:
        rows = {row.id: row for row in connection.execute(select(request_ledger))}
    assert (rows[answered].kind, rows[answered].status, rows[answered].org_used) == ("query", 200, 17)
    assert (rows[lost].kind, rows[lost].status, rows[lost].org_used) == ("bulk", 0, None)


_RESERVE_UNTIL_REFUSED = """
import sys
from datetime import UTC, datetime
from crm_sync.budget import BudgetRules
from crm_sync.customers.database import CustomerDatabase
from crm_sync.customers.ledger import RequestLedger
from crm_sync.errors import LimitReachedError

rules = BudgetRules(per_hour=40, kept={})
ledger = RequestLedger(CustomerDatabase(sys.argv[1]), org="org", flow="full_sync", rules=rules)
try:
    while True:
        ledger.reserve("query", datetime(2026, 1, 1, 12, tzinfo=UTC))
except LimitReachedError:
    print(ledger.used)
"""


def test_processes_together_never_exceed_the_hour(database_url: str) -> None:
    CustomerDatabase(database_url).close()  # two that make the same new SQLite file are another matter
    command = [sys.executable, "-c", _RESERVE_UNTIL_REFUSED, database_url]
    asking = [Popen(command, stdout=PIPE, text=True) for _ in range(2)]
    assert sum(int(process.communicate(timeout=60)[0]) for process in asking) == 40


def test_threads_together_never_exceed_the_hour(database: CustomerDatabase) -> None:
    def reserve_until_refused(_: int) -> int:
        ledger = _ledger(database, per_hour=30)
        with suppress(LimitReachedError):
            while True:
                ledger.reserve("query", NOON)
        return ledger.used

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(reserve_until_refused, range(4))) == 30

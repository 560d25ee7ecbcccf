"""The ledger of calls: all are counted, and none is sent while Deployteq is down."""

from datetime import UTC, datetime, timedelta

import pytest

from crm_sync.budget.calls_store import FAILURES, PAUSE, CallLedger
from crm_sync.database.engine import CustomerDatabase
from crm_sync.errors import DeployteqDownError


def test_five_calls_without_an_answer_stop_the_next_until_one_is_let_through(sqlite_url: str) -> None:
    now = [datetime(2026, 11, 26, 12, tzinfo=UTC)]
    database = CustomerDatabase(sqlite_url)
    ledger, other = (CallLedger(database, brand=name, flow="f", clock=lambda: now[0]) for name in "ab")
    ledger.complete(ledger.reserve("query", now[0]), 500)
    for _ in range(FAILURES):
        ledger.complete(ledger.reserve("query", now[0]), 0)
    with pytest.raises(DeployteqDownError, match="before 2026-11-26 12:10 UTC"):
        ledger.reserve("query", now[0])
    other.complete(other.reserve("query", now[0]), 200)
    now[0] += PAUSE + timedelta(seconds=1)
    probe = ledger.reserve("query", now[0])
    ledger.complete(probe, 0)
    with pytest.raises(DeployteqDownError):
        ledger.check_open()
    now[0] += PAUSE + timedelta(seconds=1)
    ledger.complete(ledger.reserve("query", now[0]), 200)
    ledger.check_open()
    assert ledger.used == FAILURES + 3
    database.close()

"""Queries asked together: what one of them meets counts for the whole request."""

import pytest

from crm_sync.errors import LimitReachedError, RetriableError
from crm_sync.salesforce.changes import ask_together, query_path
from standins.salesforce.faults import Fault
from tests.salesforce.conftest import Rig

_QUERIES = ("SELECT Id FROM Contact", "SELECT Id FROM Lead")


def _fault(message: str) -> Fault:
    body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message}]
    return Fault("status", path="queryAll", status=403, body=body, nth=2, inner=True)


def test_a_query_refused_for_the_days_limit_stops_everybody(rig: Rig) -> None:
    rig.standin.faults.add(_fault("TotalRequests Limit exceeded."))
    paths = [query_path(rig.org, soql) for soql in _QUERIES]
    with pytest.raises(LimitReachedError):
        ask_together(rig.org, paths)
    assert rig.ledger.closed == [("query", LimitReachedError)]


def test_a_query_refused_while_salesforce_is_busy_stops_nobody(rig: Rig) -> None:
    rig.standin.faults.add(_fault("ConcurrentRequests Limit exceeded."))
    paths = [query_path(rig.org, soql) for soql in _QUERIES]
    with pytest.raises(RetriableError):
        ask_together(rig.org, paths)
    assert rig.ledger.closed == []

"""Queries asked together: what one of them meets counts for the whole request."""

import pytest

from crm_sync.errors import LimitReachedError, RetriableError
from crm_sync.salesforce.read.composite import Page, ask_together, query_path
from crm_sync.salesforce.read.json_rows import records_frame
from standins.salesforce.http.faults import Fault
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


def test_a_session_that_ends_amid_the_queries_is_renewed_once(rig: Rig) -> None:
    body = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]
    rig.standin.faults.add(Fault("status", path="queryAll", status=401, body=body, nth=2, inner=True))
    assert rig.org.session

    answers = ask_together(rig.org, [query_path(rig.org, soql) for soql in _QUERIES])

    assert all(isinstance(page, Page) for page in answers.pages)
    assert rig.stop_and_count_logins() == 2


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("Ada\x00Lovelace", "AdaLovelace"),
        ("cut \ud83d", "cut \ufffd"),
        ("\udc00 cut", "\ufffd cut"),
        ("whole \U0001f600", "whole \U0001f600"),
        (r"C:\u0000 \ud83d", r"C:\u0000 \ud83d"),
        ('"\\\x00', '"\\'),
    ],
)
def test_what_no_database_keeps_does_not_stop_a_pull(rig: Rig, name: str, stored: str) -> None:
    body = {"totalSize": 1, "done": True, "records": [{"Id": "003000000000001AAA", "LastName": name}]}
    rig.standin.faults.add(Fault("status", path="queryAll", status=200, body=body, inner=True))

    (page,) = ask_together(rig.org, [query_path(rig.org, "SELECT Id, LastName FROM Contact")]).pages

    assert isinstance(page, Page)
    assert records_frame(page.records, ["Id", "LastName"], {})["LastName"].tolist() == [stored]

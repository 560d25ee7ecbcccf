"""Queries asked together: what one of them meets counts for the whole request."""

import pytest

from crm_sync.errors import LimitReachedError, RetriableError
from crm_sync.salesforce.read.composite import Page, ask_together, query_path
from crm_sync.salesforce.read.json_rows import records_frame
from standins.salesforce.http.faults import Fault
from tests.salesforce.conftest import Rig

_QUERIES = ("SELECT Id FROM Contact", "SELECT Id FROM Lead")


def test_only_a_query_refused_for_the_days_limit_stops_everybody(rig: Rig) -> None:
    for message, error, closed in (
        ("ConcurrentRequests Limit exceeded.", RetriableError, []),
        ("TotalRequests Limit exceeded.", LimitReachedError, [("query", LimitReachedError)]),
    ):
        body = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message}]
        rig.standin.faults.add(Fault("status", path="queryAll", status=403, body=body, nth=2, inner=True))
        with pytest.raises(error):
            ask_together(rig.org, [query_path(soql) for soql in _QUERIES])
        assert rig.ledger.closed == closed


def test_a_session_that_ends_amid_the_queries_is_renewed_once(rig: Rig) -> None:
    body = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]
    rig.standin.faults.add(Fault("status", path="queryAll", status=401, body=body, nth=2, inner=True))
    assert rig.org.session

    answers = ask_together(rig.org, [query_path(soql) for soql in _QUERIES])

    assert all(isinstance(page, Page) for page in answers.pages)
    assert rig.stop_and_count_logins() == 2


def test_characters_that_no_database_keeps_do_not_stop_a_pull(rig: Rig) -> None:
    for name, stored in (
        ("Ada\x00Lovelace", "AdaLovelace"),
        ("cut \ud83d", "cut \ufffd"),
        ("\udc00 cut", "\ufffd cut"),
        ("whole \U0001f600", "whole \U0001f600"),
        (r"C:\u0000 \ud83d", r"C:\u0000 \ud83d"),
        ('"\\\x00', '"\\'),
    ):
        body = {"totalSize": 1, "done": True, "records": [{"Id": "003000000000001AAA", "LastName": name}]}
        rig.standin.faults.add(Fault("status", path="queryAll", status=200, body=body, inner=True))
        (page,) = ask_together(rig.org, [query_path("SELECT Id, LastName FROM Contact")]).pages
        assert isinstance(page, Page)
        assert records_frame(page.records, ["Id", "LastName"], {})["LastName"].tolist() == [stored]

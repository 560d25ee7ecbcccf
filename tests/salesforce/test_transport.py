"""Every request passes both gates, is settled once, and goes where it may."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from crm_sync.errors import ConcurrencyLimitError, LimitReachedError, LoginLimitError, SalesforceUnavailableError
from crm_sync.requests import ApiUsage, RequestKind
from crm_sync.salesforce.http.limit_info import read_api_usage, read_server_time
from standins.salesforce.http.faults import Action, Fault
from tests.salesforce.conftest import Ledger, Rig, make_transport


def test_limit_header_is_read_in_all_its_forms() -> None:
    for header, expected in (
        ("api-usage=18/5000", ApiUsage(18, 5000)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)", ApiUsage(25, 5000, 17, 250)),
        ("per-app-api-usage=17/250(appName=a; api); api-usage=25/5000", ApiUsage(25, 5000, 17, 250)),
        ("api-usage=101/100; api-bursts=1/2", ApiUsage(101, 100, is_bursting=True)),
        ("api-usage=1/100; api-bursts=0/2", ApiUsage(1, 100)),
        *((odd, None) for odd in ("per-app-api-usage=17/250(appName=x)", "api-usage=a/b", "api-usage=18", "")),
        ("api-usage=18/5000x", None),
    ):
        assert read_api_usage({"Sforce-Limit-Info": header}) == expected, header
    assert read_api_usage({}) is None


def test_server_time_is_the_date_header() -> None:
    assert read_server_time({"Date": "Mon, 23 Nov 2026 12:00:00 GMT"}) == datetime(2026, 11, 23, 12, tzinfo=UTC)
    for headers in ({}, {"Date": "yesterday"}):
        with pytest.raises(SalesforceUnavailableError):
            read_server_time(headers)


def test_every_request_is_throttled_reserved_and_settled_once(rig: Rig) -> None:
    rig.org.request("GET", "query", RequestKind.QUERY, params={"q": "SELECT Id FROM Lead"})
    rig.org.ask(lambda client: client.limits())
    assert rig.stop_and_read_kinds() == ["login", "query", "limits"]
    assert rig.ledger.reserved == ["login", "query", "limits"]
    assert rig.turns.taken == 3
    assert [(number, status) for number, status, _ in rig.ledger.settled] == [(1, 200), (2, 200), (3, 200)]
    assert rig.ledger.settled[1][2] == ApiUsage(1, 100_000)


def test_throttle_comes_before_the_ledger_and_both_before_the_request() -> None:
    passed: list[str] = []

    class Noting(Ledger):
        def reserve(self, kind: str, at: datetime) -> int:
            assert passed == ["throttle"]
            raise LimitReachedError("No request left.")

    with (
        make_transport(
            throttle=partial(passed.append, "throttle"), ledger=Noting(), endpoint_url="http://127.0.0.1:9"
        ) as transport,
        pytest.raises(LimitReachedError, match="No request left"),
    ):
        transport.get("https://login.salesforce.com/")


def test_refused_by_the_ledger_nothing_is_sent(rig: Rig) -> None:
    rig.ledger.limit = 0
    with pytest.raises(LimitReachedError):
        rig.org.ask(lambda client: client.limits())
    assert rig.stop_and_read_journal() == []
    assert rig.ledger.settled == []


def test_only_a_used_up_limit_stops_everybody_and_the_usage_of_a_refusal_counts(rig: Rig) -> None:
    for message, error, closed in (
        ("ConcurrentPerOrgLongTxn Limit exceeded.", ConcurrencyLimitError, []),
        ("TotalRequests Limit exceeded.", LimitReachedError, [("limits", LimitReachedError)]),
    ):
        refusal = [{"message": message, "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
        rig.standin.faults.add(Fault("status", path="/limits", status=403, body=refusal))
        with pytest.raises(error):
            rig.org.request("GET", "limits", RequestKind.LIMITS)
        _, status, usage = rig.ledger.settled[-1]
        assert (status, usage is None) == (403, False)
        assert rig.ledger.closed == closed


def test_too_many_logins_stop_everybody(rig: Rig) -> None:
    rig.standin.settings.logins_per_hour = 0
    with pytest.raises(LoginLimitError):
        rig.org.request("GET", "limits", RequestKind.LIMITS)
    assert rig.ledger.closed == [("login", LoginLimitError)]


FAULTS: list[tuple[Action, dict[str, Any]]] = [
    ("reset", {}),
    ("reset_after", {}),
    ("truncate", {"keep": 10}),
    ("html", {"status": 200}),
    ("html", {"status": 503}),
    ("empty", {"status": 500}),
]


@pytest.mark.parametrize(("action", "more"), FAULTS)
def test_broken_answer_is_unavailable_and_settled(rig: Rig, action: Action, more: dict[str, Any]) -> None:
    rig.standin.faults.add(Fault(action, path="/limits", **more))
    with pytest.raises(SalesforceUnavailableError):
        rig.org.request("GET", "limits", RequestKind.LIMITS)
    # The login and the failed request, which is not repeated.
    assert len(rig.ledger.settled) == len(rig.ledger.reserved) == len(rig.stop_and_read_journal()) == 2
    expected = more.get("status", 0)
    assert rig.ledger.settled[-1][1] == expected


def test_empty_success_is_unavailable_for_the_library_too(rig: Rig) -> None:
    rig.standin.faults.add(Fault("empty", path="/limits", status=200))
    with pytest.raises(SalesforceUnavailableError):
        rig.org.ask(lambda client: client.limits())


def test_nobody_listening_is_unavailable_and_settled_with_zero() -> None:
    ledger = Ledger()
    with (
        make_transport(ledger=ledger, endpoint_url="http://127.0.0.1:9") as transport,
        pytest.raises(SalesforceUnavailableError) as caught,
    ):
        transport.get("https://login.salesforce.com/?q=Lovelace")
    assert ledger.settled == [(1, 0, None)]
    assert caught.value.__context__ is None
    assert "Lovelace" not in repr(caught.value)


def test_a_write_has_a_longer_timeout_than_a_read(rig: Rig) -> None:
    """Salesforce may work on it for ten minutes; a repetition would compete with the first attempt for locks."""
    rig.standin.faults.add(Fault("delay", path="/limits", seconds=0.2, times=2))
    url = "https://x.my.salesforce.com/services/data/v67.0/limits"
    headers = {"Authorization": f"Bearer {rig.org.session.session_id}"}
    with make_transport(endpoint_url=rig.server.url, read_timeout=0.05) as transport:
        assert transport.call(RequestKind.WRITE, "GET", url, headers=headers).status_code == 200
        with pytest.raises(SalesforceUnavailableError, match="ReadTimeout"):
            transport.call(RequestKind.LIMITS, "GET", url, headers=headers)


def test_product_is_named_in_every_request(rig: Rig) -> None:
    rig.org.request("GET", "limits", RequestKind.LIMITS)
    assert {entry.user_agent for entry in rig.stop_and_read_journal()} == {"deployteq-salesforce"}

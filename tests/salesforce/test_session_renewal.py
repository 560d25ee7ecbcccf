"""One login serves all: reused, renewed exactly once, and taken from whoever renewed it first."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from crm_sync.errors import AuthenticationError, FatalError, LoginLimitError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.http.transport import Transport
from crm_sync.salesforce.org import SalesforceOrg
from standins.salesforce.http.faults import Fault
from tests.salesforce.conftest import NOW, Rig, user_login
from tests.salesforce.test_login import client_login


def ask(org: SalesforceOrg) -> int:
    return org.request("GET", "limits", RequestKind.LIMITS).status_code


def test_session_is_reused_by_this_run_and_the_next_and_nothing_is_sent_before_a_request(rig: Rig) -> None:
    assert rig.ledger.reserved == []
    for _ in range(2):
        ask(rig.org)
    ask(rig.another_org())
    assert rig.stop_and_count_logins() == 1


def test_kept_session_of_another_user_or_host_is_not_used(rig: Rig) -> None:
    ask(rig.org)
    ask(rig.another_org(user_login(username="Integration@demo.example")))
    ask(rig.another_org(user_login(sandbox=True)))
    assert rig.stop_and_count_logins() == 3


def test_expired_session_logs_in_once_and_repeats_once(rig: Rig) -> None:
    ask(rig.org)
    rig.standin.logins.expire_all()
    assert ask(rig.org) == 200
    assert rig.stop_and_read_kinds() == ["login", "limits", "limits", "login", "limits"]
    assert len(rig.ledger.reserved) == 5


def test_session_that_ends_in_words_of_its_own_is_renewed_too(rig: Rig) -> None:
    """OAuth's own resources say Bad_OAuth_Token, with HTTP status 403."""
    ask(rig.org)
    rig.standin.logins.expire_all()
    assert rig.org.request("GET", "/services/oauth2/userinfo", RequestKind.OTHER).json()["organization_id"]
    assert rig.stop_and_count_logins() == 2


def test_expired_session_is_renewed_for_the_library_too(rig: Rig) -> None:
    ask(rig.org)
    rig.standin.logins.expire_all()
    assert rig.org.ask(lambda client: client.limits())["DailyApiRequests"]["Max"] == 100_000
    assert rig.stop_and_count_logins() == 2


def test_newer_session_of_another_process_is_taken_instead_of_a_login(rig: Rig) -> None:
    late = rig.another_org()
    ask(rig.org)
    ask(late)
    rig.standin.logins.expire_all()
    ask(rig.org)
    ask(late)
    assert rig.stop_and_count_logins() == 2


def test_newer_kept_session_that_is_over_too_leads_to_one_login(rig: Rig) -> None:
    late = rig.another_org()
    ask(late)
    rig.standin.logins.expire_all()
    ask(rig.org)
    rig.standin.logins.expire_all()
    ask(late)
    assert rig.stop_and_count_logins() == 3


def test_session_refused_right_after_the_login_ends_the_run(rig: Rig) -> None:
    rig.standin.faults.add(Fault("expire_session", path="/limits", times=9))
    with pytest.raises(AuthenticationError, match="just given"):
        ask(rig.org)
    assert rig.ledger.reserved == ["login", "limits"]
    with pytest.raises(AuthenticationError):
        ask(rig.org)
    assert rig.stop_and_count_logins() == 2


def test_refused_login_is_not_tried_again(rig: Rig) -> None:
    org = rig.another_org(user_login(password="wrong"))
    with pytest.raises(AuthenticationError):
        ask(org)
    assert rig.stop_and_read_kinds() == ["login"]
    assert rig.store.session is None


def wrong(rig: Rig, now: datetime = NOW) -> SalesforceOrg:
    """Return an org for wrong credentials, at a later time."""
    transport = Transport(throttle=lambda: None, ledger=rig.ledger, clock=lambda: now, endpoint_url=rig.server.url)
    return SalesforceOrg(user_login(password="wrong"), transport, rig.store)


def test_wrong_password_does_not_lock_the_user_out(rig: Rig) -> None:
    """Refused credentials wait longer each time, so that ten tries, which lock a user out, take days."""
    for minutes in range(0, 24 * 60, 10):
        with pytest.raises(AuthenticationError, match="password or security token is wrong"):
            ask(wrong(rig, NOW + timedelta(minutes=minutes)))
    assert rig.stop_and_count_logins() == 7


def test_wrong_password_names_the_moment_of_the_next_try(rig: Rig) -> None:
    with pytest.raises(AuthenticationError):
        ask(wrong(rig))
    with pytest.raises(AuthenticationError, match=f"after {NOW + timedelta(minutes=15):%Y-%m-%d %H:%M} UTC"):
        ask(wrong(rig, NOW + timedelta(minutes=14)))
    assert rig.stop_and_count_logins() == 1


def test_changed_credentials_are_tried_at_once(rig: Rig) -> None:
    with pytest.raises(AuthenticationError):
        ask(wrong(rig))
    assert ask(rig.another_org()) == 200
    assert rig.store.refusal is None


def test_a_person_may_try_refused_credentials_at_once(rig: Rig) -> None:
    with pytest.raises(AuthenticationError):
        ask(wrong(rig))
    with pytest.raises(AuthenticationError, match=r"Salesforce credentials block\.$"):
        wrong(rig).log_in_anew()
    assert rig.stop_and_count_logins() == 2


def test_session_kept_for_other_credentials_is_not_taken(rig: Rig) -> None:
    ask(rig.org)
    with pytest.raises(AuthenticationError):
        ask(wrong(rig))


def test_refusal_that_salesforce_does_not_count_is_tried_each_time(rig: Rig) -> None:
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            ask(rig.another_org(client_login(consumer_secret="wrong")))
    assert rig.stop_and_count_logins() == 2


def test_login_limit_leaves_the_kept_session_alone(rig: Rig) -> None:
    ask(rig.org)
    kept = rig.store.session
    rig.standin.settings.logins_per_hour = 1
    rig.standin.logins.expire_all()
    with pytest.raises(LoginLimitError):
        ask(rig.org)
    assert rig.store.session == kept


def test_many_at_once_log_in_once(rig: Rig) -> None:
    ask(rig.org)
    rig.standin.logins.expire_all()
    together = threading.Barrier(4)

    def late(_: int) -> int:
        org = rig.another_org()
        together.wait()
        return ask(org)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(late, range(4))) == [200] * 4
    assert rig.stop_and_count_logins() == 2


def test_expiry_in_the_middle_of_query_pages_loses_no_record(rig: Rig) -> None:
    rig.standin.settings.page_size = 2
    rig.standin.faults.add(Fault("expire_session", path=r"/query/\w", nth=1))
    query = "SELECT Id FROM Lead"
    page = rig.org.request("GET", "query", RequestKind.QUERY, params={"q": query}).json()
    found = [record["Id"] for record in page["records"]]
    while not page["done"]:
        page = rig.org.request("GET", page["nextRecordsUrl"], RequestKind.QUERY).json()
        found += [record["Id"] for record in page["records"]]
    assert len(set(found)) == 3
    assert rig.stop_and_count_logins() == 2


def test_path_cannot_lead_to_another_host(rig: Rig) -> None:
    ask(rig.org)
    with pytest.raises(FatalError, match="does not know this address"):
        rig.org.request("GET", "https://example.com/services", RequestKind.OTHER)
    paths = [entry.path for entry in rig.stop_and_read_journal()]
    assert paths[-2].startswith("/services/data/v67.0/https:")
    assert paths[-1] == "/services/data/"

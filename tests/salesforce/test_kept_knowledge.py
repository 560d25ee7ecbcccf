"""What is kept of an org is doubted once: its address, and the versions of its API."""

import ssl
from collections.abc import Callable
from dataclasses import replace

import pytest
import requests
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NameResolutionError, SSLError

from crm_sync.errors import (
    AddressMovedError,
    ApiVersionError,
    SalesforceUnavailableError,
    UnknownObjectError,
    UnreachableError,
)
from crm_sync.requests import RequestKind
from crm_sync.salesforce.http.transport import Transport
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.bulk_query import create_query_job
from crm_sync.salesforce.read.composite import ask_together, query_path
from crm_sync.salesforce.schema.describe import describe
from crm_sync.salesforce.write.bulk_ingest import create_ingest_job
from crm_sync.salesforce.write.collections import write_records
from standins.salesforce.http.faults import Fault
from tests.salesforce.conftest import Ledger, Rig, user_login
from tests.salesforce.test_session_renewal import ask
from tests.salesforce.write_steps import codes, contacts, updates

_LEADS = "SELECT Id FROM Lead"
_NOT_RESET = {
    "errorCode": "URL_NOT_RESET",
    "message": "Destination URL not reset. The URL returned from login must be set",
}


@pytest.mark.parametrize("newest", [66.0, 65.0, 58.0])
def test_an_org_that_is_behind_is_asked_for_its_versions_once_and_used(rig: Rig, newest: float) -> None:
    rig.standin.settings.newest_version = newest
    page = ask_together(rig.org, [query_path(_LEADS)]).pages[0]
    assert not isinstance(page, Exception)
    assert page.total == 3
    assert describe(rig.org, "Lead")
    assert create_query_job(rig.org, _LEADS).id
    other = rig.another_org()
    assert ask(other) == 200
    assert other.api_version == f"{newest:.1f}"
    kinds = rig.stop_and_read_kinds()
    assert kinds == ["login", "composite", "versions", "composite", "describe", "bulk_jobs", "limits"]


def test_a_bulk_job_is_made_in_an_org_that_is_behind(rig: Rig) -> None:
    """The very first request may be the one that makes a job: there is none yet that could be gone."""
    rig.standin.settings.newest_version = 65.0
    assert create_query_job(rig.org, _LEADS).id
    rig.standin.settings.newest_version = 64.0
    (found,) = contacts(rig.standin, 1)
    assert create_ingest_job(rig.another_org(), updates("Contact", [{"Id": found, "Title": "Poet"}])).id


def test_an_org_that_is_not_behind_is_not_asked_for_its_versions(rig: Rig) -> None:
    rig.standin.settings.newest_version = 71.0
    assert ask(rig.org) == 200
    assert rig.org.api_version == "67.0"
    assert rig.stop_and_read_kinds() == ["login", "limits"]


def test_a_kept_version_that_the_org_no_longer_has_is_asked_anew(rig: Rig) -> None:
    """A sandbox leaves the preview of a release; or a version was retired, which is answered 410."""
    rig.standin.settings.newest_version = 66.0
    ask(rig.org)
    rig.standin.settings.newest_version = 65.0
    assert ask(rig.another_org()) == 200
    rig.standin.settings.oldest_version, rig.standin.settings.newest_version = 66.0, 68.0
    late = rig.another_org()
    assert ask(late) == 200
    assert late.api_version == "67.0"


def test_a_write_names_the_version_of_the_org_in_its_parts_too(rig: Rig) -> None:
    rig.standin.settings.newest_version = 66.0
    (found,) = contacts(rig.standin, 1)
    (results,) = write_records(rig.org, [updates("Contact", [{"Id": found, "Title": "Poet"}])])
    assert codes(results) == [None]
    assert rig.standin.records.get("Contact", found)["Title"] == "Poet"


def test_an_org_whose_versions_are_all_newer_says_what_to_do(rig: Rig) -> None:
    ask(rig.org)
    rig.standin.settings.oldest_version, rig.standin.settings.newest_version = 70.0, 75.0
    with pytest.raises(ApiVersionError, match="newer version of this program"):
        ask(rig.org)


def test_an_unknown_object_of_an_org_that_is_not_behind_asks_for_the_versions_once(rig: Rig) -> None:
    for _ in range(2):
        with pytest.raises(UnknownObjectError):
            describe(rig.org, "Nothing__c")
    assert rig.stop_and_read_kinds().count("versions") == 1


def test_no_list_of_versions_leaves_everything_as_it_was(rig: Rig) -> None:
    rig.standin.faults.add(Fault("html", path="/services/data/$", status=404))
    with pytest.raises(UnknownObjectError):
        describe(rig.org, "Nothing__c")


@pytest.mark.parametrize(
    "elsewhere",
    [
        Fault("status", path="/limits", status=301),
        Fault("status", path="/limits", status=302),
        Fault("status", path="/limits", status=307),
        Fault("status", path="/limits", status=308),
        Fault("status", path="/limits", status=420),
        Fault("status", path="/limits", status=421),
        Fault("html", path="/limits", status=404),
        Fault("html", path="/limits", status=301),
        Fault("html", path="/limits", status=421),
        Fault("status", path="/limits", status=400, body=[_NOT_RESET]),
    ],
    ids=lambda fault: f"{fault.action}-{fault.status}",
)
def test_a_kept_session_whose_address_has_moved_leads_to_one_login(rig: Rig, elsewhere: Fault) -> None:
    ask(rig.org)
    rig.standin.faults.add(elsewhere)
    assert ask(rig.another_org()) == 200
    assert rig.store.session is not None
    assert rig.stop_and_read_kinds() == ["login", "limits", "limits", "login", "limits"]


@pytest.mark.parametrize(("status", "error"), [(301, AddressMovedError), (404, UnreachableError)])
def test_an_address_that_is_wrong_after_the_login_too_is_not_tried_again_and_again(
    rig: Rig, status: int, error: type[Exception]
) -> None:
    ask(rig.org)
    rig.standin.faults.add(Fault("html", path="/limits", status=status, times=9))
    late = rig.another_org()
    for _ in range(3):
        with pytest.raises(error):
            ask(late)
    assert rig.stop_and_count_logins() == 2


def test_a_session_that_has_answered_is_not_given_up_for_one_bad_answer(rig: Rig) -> None:
    ask(rig.org)
    rig.standin.faults.add(Fault("html", path="/limits", status=404))
    with pytest.raises(SalesforceUnavailableError):
        ask(rig.org)
    assert rig.stop_and_count_logins() == 1


_OLD = "old.my.salesforce.com"
_POOL = HTTPConnectionPool(_OLD)
_NO_LONGER_OURS = (
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for "
    f"'{_OLD}'. (_ssl.c:1006)"
)


class _OldHostIsGone(requests.adapters.HTTPAdapter):
    """A network in which one host no longer answers as Salesforce."""

    def __init__(self, gone: Callable[[requests.PreparedRequest], bool], cause: Exception) -> None:
        super().__init__()
        self.gone, self.cause = gone, cause

    def send(self, request: requests.PreparedRequest, **settings: object) -> requests.Response:  # type: ignore[override]
        if self.gone(request):
            kind = requests.exceptions.SSLError if isinstance(self.cause, SSLError) else requests.ConnectionError
            raise kind(MaxRetryError(_POOL, request.url or "", self.cause), request=request)
        return super().send(request, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cause",
    [
        NameResolutionError(_OLD, _POOL, OSError("no address")),  # type: ignore[arg-type]
        ConnectTimeoutError(_POOL, "timed out"),
        SSLError(ssl.SSLCertVerificationError(1, _NO_LONGER_OURS)),
        SSLError(ssl.SSLError(1, "[SSL: TLSV1_UNRECOGNIZED_NAME] tlsv1 unrecognized name (_ssl.c:1006)")),
    ],
    ids=["no address", "no answer", "another host's certificate", "unknown to the server"],
)
def test_a_kept_session_whose_host_is_gone_leads_to_one_login(rig: Rig, cause: Exception) -> None:
    ask(rig.org)
    assert rig.store.session is not None
    old = rig.store.session.session_id
    adapter = _OldHostIsGone(lambda request: old in str(request.headers.get("Authorization")), cause)
    rig.transport.mount("http://", adapter)
    assert ask(rig.another_org()) == 200
    assert rig.store.session.session_id != old
    assert rig.stop_and_count_logins() == 2


def test_a_host_that_refuses_the_connection_is_unreachable_and_a_broken_answer_is_not(rig: Rig) -> None:
    ask(rig.org)
    kept = replace(rig.store.session)  # type: ignore[type-var]
    rig.standin.faults.add(Fault("reset", path="/limits"))
    with pytest.raises(SalesforceUnavailableError) as broken:
        ask(rig.org)
    assert not isinstance(broken.value, UnreachableError)
    rig.server.stop()
    with pytest.raises(UnreachableError):
        ask(rig.another_org())
    assert rig.store.session == kept


def test_refusals_of_the_gates_are_not_swallowed_when_versions_are_asked(rig: Rig) -> None:
    rig.standin.settings.newest_version = 66.0
    ledger = Ledger(limit=2)
    with Transport(
        throttle=lambda: None, ledger=ledger, clock=rig.transport.now, endpoint_url=rig.server.url
    ) as transport:
        org = SalesforceOrg(user_login(), transport, rig.store)
        with pytest.raises(Exception, match="used up"):
            org.request("GET", "limits", RequestKind.LIMITS)

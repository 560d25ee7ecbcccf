"""An answer has an end, in time and in size, and a login leads to Salesforce only."""

import gzip
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from crm_sync.errors import AnswerTooLargeError, AuthenticationError, SalesforceUnavailableError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.http.endpoints import is_salesforce_host
from crm_sync.salesforce.http.json_body import read_json
from crm_sync.salesforce.login.logins import ClientCredentialsLogin, Login, Session, UserPasswordLogin
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.bulk_query import download_page
from tests.rigs.drips import DRIPS, OK, drip_handshake, dripping, read_late, serving
from tests.salesforce.conftest import Ledger, Store, make_transport, user_login


@pytest.mark.parametrize("has_tls", [False, True])
@pytest.mark.parametrize(("parts", "drip"), DRIPS)
def test_answer_that_does_not_end_is_given_up(
    parts: tuple[bytes, ...], drip: bytes, tls: ssl.SSLContext, *, has_tls: bool
) -> None:
    ledger = Ledger()
    with (
        serving(dripping(*parts, drip=drip), tls if has_tls else None) as url,
        make_transport(ledger=ledger, endpoint_url=url, deadline=0.3) as transport,
    ):
        with pytest.raises(SalesforceUnavailableError, match="ReadTimeout"):
            transport.call(RequestKind.LIMITS, "GET", f"{url}/services/data")
        assert len(ledger.settled) == 1


def test_handshake_that_does_not_end_is_given_up_with_the_time_for_connecting(tls: ssl.SSLContext) -> None:
    with (
        serving(drip_handshake) as url,
        make_transport(endpoint_url=url.replace("http:", "https:"), connect_timeout=0.3) as transport,
        pytest.raises(SalesforceUnavailableError),
    ):
        transport.call(RequestKind.LIMITS, "GET", f"{url}/services/data")


def test_proxy_whose_answer_does_not_end_is_given_up(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(dripping(b"HTTP/1.1 200 ", drip=b"O")) as url, make_transport(deadline=0.3) as transport:
        monkeypatch.setenv("https_proxy", url)
        with pytest.raises(SalesforceUnavailableError, match="ReadTimeout"):
            transport.call(RequestKind.LIMITS, "GET", "https://login.salesforce.com/services/data")


@pytest.mark.parametrize("has_tls", [False, True])
def test_what_is_sent_has_more_time_than_connecting(tls: ssl.SSLContext, *, has_tls: bool) -> None:
    with (
        serving(read_late, tls if has_tls else None) as url,
        make_transport(endpoint_url=url, connect_timeout=0.8) as transport,
    ):
        answer = transport.call(RequestKind.BULK_JOB, "PUT", f"{url}/services/data", data=bytes(20_000_000))
        assert answer.json() == {}


def test_page_of_a_bulk_job_that_does_not_end_is_given_up() -> None:
    with (
        serving(dripping(OK, b"Connection: close\r\n\r\n", drip=b"a")) as url,
        make_transport(endpoint_url=url, deadline=0.3) as transport,
        transport.call(RequestKind.BULK_RESULTS, "GET", f"{url}/services/data", stream=True) as response,
        suppress(requests.RequestException),
    ):
        # It ends, by an error or cut short; whoever reads it counts the rows.
        assert set(b"".join(response.iter_content(1))) <= {ord("a")}


def test_page_of_a_bulk_job_has_more_time_as_long_as_it_goes_on() -> None:
    part = bytes(4 << 20)
    with (
        serving(dripping(OK, b"Content-Length: %d\r\n\r\n" % (15 * len(part)), drip=part, pause=0.1)) as url,
        make_transport(endpoint_url=url, deadline=1) as transport,
        transport.call(RequestKind.BULK_RESULTS, "GET", f"{url}/services/data", stream=True) as response,
    ):
        assert sum(map(len, response.iter_content(1 << 18))) == 15 * len(part)


def test_answer_in_time_keeps_its_connection() -> None:
    whole = OK + b"Content-Length: 2\r\n\r\n{}"
    with serving(dripping(whole)) as url, make_transport(endpoint_url=url) as transport:
        assert transport.call(RequestKind.LIMITS, "GET", f"{url}/services/data").json() == {}


def test_small_answer_that_unpacks_to_a_huge_one_is_given_up() -> None:
    bomb = gzip.compress(bytes(140 << 20), compresslevel=1)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with (
        serving(dripping(head, bomb)) as url,
        make_transport(endpoint_url=url) as transport,
        pytest.raises(AnswerTooLargeError, match="larger than is taken"),
    ):
        transport.call(RequestKind.LIMITS, "GET", f"{url}/services/data")


@pytest.mark.parametrize(
    ("row", "error", "words"),
    [(b"a\n", SalesforceUnavailableError, "incomplete"), (b"aa", AnswerTooLargeError, "larger than")],
)
def test_page_of_a_bulk_job_that_unpacks_to_a_huge_one_is_not_read_to_its_end(
    row: bytes, error: type[Exception], words: str, tmp_path: Path
) -> None:
    """By rows that nobody has announced, and by its size."""
    bomb = gzip.compress(b"Id\n" + row * (20 << 20), compresslevel=1)
    head = OK + (
        b"Sforce-Locator: null\r\nSforce-NumberOfRecords: 3\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: %d\r\n\r\n" % len(bomb)
    )
    with serving(dripping(head, bomb)) as url, make_transport(endpoint_url=url) as transport:
        transport.largest_page, login = 1 << 22, user_login()
        org = SalesforceOrg(login, transport, Store(Session("00D!x", url, "", login.fingerprint)))
        with pytest.raises(error, match=words):
            download_page(org, "750", locator=None, max_records=3, target=tmp_path / "page.csv")
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) < 1 << 23


def test_hosts_of_salesforce() -> None:
    own = ("acme.my.salesforce.com", "eu45.salesforce.com", "acme.file.force.com", "ACME.my.salesforce.mil")
    others = ("evil.example", "salesforce.com.evil.example", "evilsalesforce.com", "evil.example/a.salesforce.com", "")
    assert [host for host in own if not is_salesforce_host(host)] == []
    assert [host for host in others if is_salesforce_host(host)] == []


@pytest.mark.parametrize(
    ("login", "answer"),
    [
        (
            ClientCredentialsLogin("key", "secret", "acme"),
            b'{"access_token": "00D!x", "instance_url": "https://evil.example"}',
        ),
        (
            UserPasswordLogin("ada", "secret"),
            b"<a><sessionId>00D!x</sessionId><serverUrl>https://evil.example/services/Soap/u/64.0</serverUrl></a>",
        ),
    ],
)
def test_login_leads_to_salesforce_only(login: Login, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a proxy that answers in Salesforce's place."""
    with make_transport() as transport:
        transport.mount("https://", _Answering(answer))
        with pytest.raises(AuthenticationError, match="not Salesforce's"):
            login.log_in(transport)


class _Answering(requests.adapters.BaseAdapter):
    """Gives one answer to everything."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._body = body

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:  # type: ignore[override]
        response = requests.Response()
        response.status_code, response._content, response.url = 200, self._body, str(request.url)
        response._content_consumed = True  # type: ignore[attr-defined]
        response.headers["Content-Type"] = "application/json"
        return response

    def close(self) -> None:
        """Hold nothing."""


@pytest.mark.parametrize("opening", [b"[", b'{"records":'])
def test_answer_that_is_nested_without_end_is_no_answer(opening: bytes) -> None:
    answer = requests.Response()
    answer._content = opening * 100_000

    with pytest.raises(SalesforceUnavailableError, match="is no JSON"):
        read_json(answer)

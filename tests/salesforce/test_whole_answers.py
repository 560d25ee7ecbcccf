"""An answer has an end, in time and in size, and a login leads to Salesforce only."""

import gzip
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat

import pytest
import requests

from crm_sync.errors import AnswerTooLargeError, AuthenticationError, SalesforceUnavailableError
from crm_sync.requests import RequestKind
from crm_sync.salesforce.http.endpoints import is_salesforce_host
from crm_sync.salesforce.http.json_body import read_json
from crm_sync.salesforce.login.logins import ClientCredentialsLogin, Login, UserPasswordLogin
from tests.salesforce.conftest import Ledger, make_transport

_OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(*parts: bytes, drip: bytes = b"", pause: float = 0.02) -> Iterator[str]:
    """Serve an answer in parts, and then drip one part after the other for ever."""
    ended = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            with suppress(OSError):
                for part in parts:
                    self.request.sendall(part)
                for part in repeat(drip) if drip else ():
                    self.request.sendall(part)
                    if ended.wait(pause):
                        return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        ended.set()
        server.shutdown()


@pytest.mark.parametrize(
    ("parts", "drip"),
    [
        ((), b""),
        ((_OK,), b"a"),
        ((_OK, b"Content-Length: 100000\r\n\r\n"), b"a"),
        ((_OK, b"Connection: close\r\n\r\n"), b"a"),
        ((_OK, b"Transfer-Encoding: chunked\r\n\r\n"), b"1\r\na\r\n"),
    ],
)
def test_answer_that_does_not_end_is_given_up(parts: tuple[bytes, ...], drip: bytes) -> None:
    ledger = Ledger()
    with (
        answering(*parts, drip=drip or b" ") as url,
        make_transport(ledger=ledger, endpoint_url=url, deadline=0.3) as transport,
    ):
        with pytest.raises(SalesforceUnavailableError, match="ReadTimeout"):
            transport.call(RequestKind.LIMITS, "GET", f"{url}/services/data")
        assert len(ledger.settled) == 1


def test_page_of_a_bulk_job_that_does_not_end_is_given_up() -> None:
    with (
        answering(_OK, b"Connection: close\r\n\r\n", drip=b"a") as url,
        make_transport(endpoint_url=url, deadline=0.3) as transport,
        transport.call(RequestKind.BULK_RESULTS, "GET", f"{url}/services/data", stream=True) as response,
        suppress(requests.RequestException),
    ):
        # It ends, by an error or cut short; whoever reads it counts the rows.
        assert set(b"".join(response.iter_content(1))) <= {ord("a")}


def test_answer_in_time_keeps_its_connection() -> None:
    whole = _OK + b"Content-Length: 2\r\n\r\n{}"
    with answering(whole) as url, make_transport(endpoint_url=url) as transport:
        assert transport.call(RequestKind.LIMITS, "GET", f"{url}/services/data").json() == {}


def test_small_answer_that_unpacks_to_a_huge_one_is_given_up() -> None:
    bomb = gzip.compress(bytes(140 << 20), compresslevel=1)
    head = _OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with (
        answering(head, bomb) as url,
        make_transport(endpoint_url=url) as transport,
        pytest.raises(AnswerTooLargeError, match="larger than is taken"),
    ):
        transport.call(RequestKind.LIMITS, "GET", f"{url}/services/data")


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

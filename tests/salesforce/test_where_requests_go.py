"""Requests go to Salesforce or to this machine, encrypted and trusted, whatever the environment says."""

import ssl
from email.message import Message
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import trustme
from urllib3 import HTTPResponse

from crm_sync.errors import AddressMovedError, ConfigurationError, SalesforceUnavailableError, SessionExpiredError
from crm_sync.http.loopback import loopback_endpoint
from crm_sync.requests import RequestKind
from standins.salesforce.http.faults import Fault
from standins.salesforce.org.org import Org
from standins.salesforce.server import Server
from tests.salesforce.conftest import Ledger, Rig, make_transport


def test_endpoint_override_takes_only_this_machine() -> None:
    for url, expected in (
        ("http://127.0.0.1:8080", ("http", "127.0.0.1:8080")),
        ("https://127.9.9.9", ("https", "127.9.9.9")),
        ("http://localhost:1/", ("http", "localhost:1")),
        ("http://[::1]:5", ("http", "[::1]:5")),
    ):
        assert loopback_endpoint(url) == expected
    others = """http://example.com https://acme.my.salesforce.com http://127.0.0.1.example.com http://localhost.example.com
        http://localhost@example.com http://user:secret@127.0.0.1 http://10.0.0.1 http://0.0.0.0 http://127.1
        http://2130706433 http://[::ffff:10.0.0.1] ftp://127.0.0.1 //127.0.0.1 127.0.0.1:8080 http://127.0.0.1:99999
        http://[::1 http://127.0.0.1/path http://127.0.0.1?x=1 http://"""
    for url in others.split():
        with pytest.raises(ConfigurationError, match="only name this machine") as caught:
            loopback_endpoint(url)
        assert "secret" not in str(caught.value), url


def test_plain_http_is_refused_without_an_override() -> None:
    ledger = Ledger()
    with make_transport(ledger=ledger) as transport, pytest.raises(ConfigurationError, match="https"):
        transport.get("http://acme.my.salesforce.com/services/data")
    assert ledger.reserved == []


def test_redirect_is_not_followed_and_names_the_address(rig: Rig) -> None:
    rig.standin.faults.add(Fault("status", path="/limits", status=302))
    with pytest.raises(ConfigurationError, match="My Domain"):
        rig.org.request("GET", "limits", RequestKind.LIMITS)
    assert len(rig.stop_and_read_journal()) == 2


def test_cookies_are_neither_kept_nor_sent_back() -> None:
    seen: list[Any] = []

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
            seen.append(request.headers.get("Cookie"))
            answer = requests.Response()
            answer.status_code, answer.request = 200, request
            message = Message()
            message["Set-Cookie"] = "BrowserId=x; path=/"
            connection: Any = SimpleNamespace(msg=message, isclosed=lambda: True)
            answer.raw = HTTPResponse(BytesIO(), original_response=connection)
            return answer

    with make_transport() as transport:
        transport.mount("https://", Adapter())
        for _ in range(2):
            transport.get("https://acme.my.salesforce.com/")
        assert len(transport.cookies) == 0
    assert seen == [None, None]


def test_environment_cannot_turn_requests_elsewhere(rig: Rig, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login other password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert rig.org.request("GET", "limits", RequestKind.LIMITS).ok


@pytest.mark.parametrize(
    ("proxy", "error", "sentence"),
    [
        ("http://user:Secret@127.0.0.1:9", SalesforceUnavailableError, "https_proxy names, does not answer"),
        ("socks5://127.0.0.1:9", ConfigurationError, "write the environment variable https_proxy as"),
        ("ftp://x", ConfigurationError, "write the environment variable https_proxy as"),
        ("http://127.0.0.1:port", ConfigurationError, "write the environment variable https_proxy as"),
    ],
)
def test_proxy_that_does_not_work_is_named(
    monkeypatch: pytest.MonkeyPatch, proxy: str, error: type[Exception], sentence: str
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    with make_transport() as transport, pytest.raises(error, match=sentence) as told:
        transport.get("https://acme.my.salesforce.com/services/data")
    assert "Secret" not in str(told.value)


def test_verification_cannot_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
            seen.append(kwargs["verify"])
            raise requests.ConnectionError

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/some/ca.pem")
    with make_transport() as transport:
        transport.mount("https://", Adapter())
        for verify in (None, False):
            with pytest.raises(SalesforceUnavailableError):
                transport.get("https://login.salesforce.com/", verify=verify)
    assert seen[0] == "/some/ca.pem"
    assert seen[1] is not False


def test_certificate_of_another_host_is_an_address_that_has_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("na1.salesforce.com").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with (
        Org() as standin,
        Server(standin, tls=context) as server,
        make_transport(endpoint_url=server.url) as transport,
        pytest.raises(AddressMovedError, match="My Domain"),
    ):
        transport.get("https://acme.my.salesforce.com/services/data/v67.0/limits")


def test_https_is_trusted_by_the_ca_bundle_of_the_environment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    url = "https://acme.my.salesforce.com/services/data/v67.0/limits"
    with (
        Org() as standin,
        Server(standin, tls=context) as server,
        make_transport(endpoint_url=server.url) as transport,
    ):
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE"):
            transport.get(url)
        with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE"):
            transport.get(url, verify=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        with pytest.raises(SessionExpiredError):  # so the stand-in was trusted, and has answered
            transport.get(url)

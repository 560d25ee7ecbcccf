"""Answers as services, and what stands before them, give them: what is read of each, or which of our errors it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from crm_sync.deployteq.account import DeployteqAccount
from crm_sync.deployteq.customers import count_customers, read_all, read_one
from crm_sync.deployteq.envelope import read_customer
from crm_sync.deployteq.host import endpoint
from crm_sync.deployteq.limits import VERSION
from crm_sync.deployteq.operations import TNS
from crm_sync.deployteq.transport import Transport
from crm_sync.errors import ConfigurationError, DeployteqRefusedError, DeployteqUnavailableError, FatalError
from tests.deployteq.conftest import Counter
from tests.deployteq.constants import TOKEN, no_sleep

_XML, _HTML = "text/xml; charset=utf-8", "text/html"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_NIL = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil'
_FIELDS = "<id>7</id><optIn>N</optIn><lastname>Ünal \U0001f600</lastname><options/>"
_ANN = {"optIn": "N", "lastname": "Ünal \U0001f600"}


def _answer(content: str, before: str = "", namespace: str = f' xmlns="{TNS}"') -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<e:Envelope xmlns:e="{_SOAP}"><e:Body>'
        f"<answer{namespace}><code>0</code>{content}</answer></e:Body></e:Envelope>"
    )


def _customer(fields: str = _FIELDS, **more: str) -> str:
    return _answer(f"<msg>{fields}</msg>", **more)


def _prefixed(prefix: str, namespace: str) -> str:
    fields = _FIELDS.replace("</", "<//").replace("<", f"<{prefix}:").replace(f"<{prefix}://", f"</{prefix}:")
    content = f"<{prefix}:msg>{fields}</{prefix}:msg>"
    return _answer(f"<x/>{content}", namespace=f' xmlns:{prefix}="{namespace}"')


def _fault(code: str) -> str:
    body = f"<e:Fault><faultcode>{code}</faultcode><faultstring>Record ann@example.com</faultstring></e:Fault>"
    return f'<e:Envelope xmlns:e="{_SOAP}"><e:Body>{body}</e:Body></e:Envelope>'


@contextmanager
def _answering(status: int, kind: str, body: bytes) -> Iterator[DeployteqAccount]:
    class Always(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def log_message(self, format: str, *arguments: Any) -> None:
            """Write nothing."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "https://elsewhere.example/")
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Always) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        transport = Transport(
            endpoint("secure.myclang.com", VERSION),
            throttle=lambda: None,
            ledger=Counter(),
            clock=lambda: datetime.now(UTC),
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
        )
        account = DeployteqAccount(TOKEN, transport, brand="brand")
        yield account
        account.close()
        server.shutdown()
        thread.join()


_READ: list[tuple[str, str | bytes]] = [
    ("as it is documented", _customer()),
    ("a prefix of its own", _prefixed("other", TNS)),
    ("the namespace of another portal", _prefixed("ns1", "https://portal.example/app/api/soap")),
    ("no namespace", _customer(namespace="")),
    (
        "another order, and a new element before all",
        _customer(f"<tier><name>1</name></tier>{_FIELDS[-10:]}{_FIELDS[:-10]}"),
    ),
    ("nil in both words", _customer(f'{_FIELDS}<city {_NIL}="true"/><title {_NIL}="1"/><birthday {_NIL}="true"/>')),
    ("CDATA and numbers of signs", _customer(_FIELDS.replace("Ünal ", "<![CDATA[Ün]]>&#97;l&#x20;"))),
    (
        "a comment in a text, and among the fields",
        _customer(_FIELDS.replace("nal", "n<!-- x -->al") + "<!-- x --><?x?>"),
    ),
    ("written with indents", _customer(_FIELDS.replace("><", ">\n    <"))),
    ("a mark of the byte order", b"\xef\xbb\xbf" + _customer().encode()),
    ("UTF-16", _customer().replace("UTF-8", "UTF-16").encode("utf-16")),
]


@pytest.mark.parametrize(("_why", "body"), _READ, ids=[one[0] for one in _READ])
def test_a_customer_is_read_by_name_however_it_is_written(_why: str, body: str | bytes) -> None:
    with _answering(200, _XML, body if isinstance(body, bytes) else body.encode()) as account:
        found = read_one(account, 7)
    assert (found.id, dict(found.fields), dict(found.options)) == (7, _ANN, {})


_ENTITY = '<!DOCTYPE e [<!ENTITY x "Y">]>'
_FILE = '<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
_LAUGHS = '<!DOCTYPE e [<!ENTITY a "ha"><!ENTITY x "&a;&a;&a;&a;">]>'
_AWAY = DeployteqUnavailableError
_REFUSED: list[tuple[str, int, str, str, type[Exception]]] = [
    ("a fault in a 200", 200, _XML, _fault("SOAP-ENV:213"), DeployteqRefusedError),
    ("a fault in a 500", 500, _XML, _fault("105"), DeployteqRefusedError),
    ("a fault with a word", 500, _XML, _fault("SOAP-ENV:Server"), DeployteqRefusedError),
    ("a fault about the token", 500, _XML, _fault("202"), ConfigurationError),
    ("not let in", 401, _HTML, "<html/>", ConfigurationError),
    ("forbidden", 403, _HTML, "<html/>", ConfigurationError),
    ("a page in a 200", 200, _HTML, "<html><body>Maintenance</body></html>", _AWAY),
    ("a page as XML in a 200", 200, "application/xhtml+xml", "<html><body/></html>", _AWAY),
    ("a page in a 502", 502, _HTML, "<html/>", _AWAY),
    ("moved", 302, _HTML, "", _AWAY),
    ("empty", 200, _XML, "", _AWAY),
    ("no content", 204, _XML, "", _AWAY),
    ("JSON", 200, "application/json", "{}", _AWAY),
    ("cut", 200, _XML, _customer()[:-40], _AWAY),
    ("no result", 200, _XML, _answer(""), _AWAY),
    ("an entity of its own", 200, _XML, _customer(_FIELDS.replace(">N<", ">&x;<"), before=_ENTITY), _AWAY),
    ("an entity in a text", 200, _XML, _customer(_FIELDS.replace("nal", "&x;"), before=_ENTITY), _AWAY),
    ("a file", 200, _XML, _customer(_FIELDS.replace("nal", "&x;"), before=_FILE), _AWAY),
    ("laughs", 200, _XML, _customer(_FIELDS.replace("nal", "&x;"), before=_LAUGHS), _AWAY),
    ("an id that is no number", 200, _XML, _customer(_FIELDS.replace("7", "x7")), FatalError),
    ("an optIn of another word", 200, _XML, _customer(_FIELDS.replace(">N<", ">yes<")), FatalError),
]  # fmt: skip


@pytest.mark.parametrize(("_why", "status", "kind", "body", "error"), _REFUSED, ids=[one[0] for one in _REFUSED])
def test_what_is_no_customer_is_an_error_that_quotes_nothing(
    _why: str, status: int, kind: str, body: str, error: type[Exception]
) -> None:
    with _answering(status, kind, body.encode()) as account, pytest.raises(error) as problem:
        read_one(account, 7)
    assert type(problem.value) is error
    assert not [word for word in ("ann@", TOKEN, "nal", "Maintenance") if word in str(problem.value)]


def test_an_answer_of_twenty_megabytes_is_read() -> None:
    filled = _FIELDS.replace("<options/>", f"<website>{'w' * 2_500}</website>")
    people = "".join(f"<Customer>{filled.replace('7', str(number))}</Customer>" for number in range(8_000))
    body = _customer(people).encode()
    assert len(body) > 20_000_000
    with _answering(200, _XML, body) as account:
        found = [read_customer(one)[0] for one in account.call("customer_getByExternalId", externalId="x")]
    assert [one["id"] for one in found] == [str(number) for number in range(8_000)]


def test_a_number_that_is_none_leads_to_no_error_of_python() -> None:
    with _answering(200, _XML, _answer("<msg>many</msg>").encode()) as account:
        assert count_customers(account) == 0
        with pytest.raises(DeployteqUnavailableError):
            next(read_all(account, no_sleep))

"""The org on a socket: HTTP/1.1 on loopback, in a thread, plain or with TLS."""

import json
import ssl
import zlib
from collections.abc import Iterator
from datetime import UTC
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

from standins.loopback import LOOPBACK, Connection, Listener
from standins.salesforce import control, routes
from standins.salesforce.http.faults import Fault
from standins.salesforce.http.journal import Entry
from standins.salesforce.http.messages import Answer, Request
from standins.salesforce.org.org import Org

_MAX_HEAD = 16_384
_MAX_BODY = 150 * 1024 * 1024
_MIN_GZIP = 1000
_GZIP = 31
_HTML = "text/html;charset=UTF-8"


class Server:
    """A stand-in that answers between start and stop; it never listens to anything but loopback."""

    def __init__(self, org: Org, *, port: int = 0, tls: ssl.SSLContext | None = None, control: bool = False) -> None:
        """Take a port, a free one for 0; `control` opens `/__control`."""
        self.org = org
        self._scheme = "https" if tls else "http"
        self._listener = _Listener(org, port, tls, control)

    @property
    def port(self) -> int:
        """Return the port."""
        return self._listener.server_port

    @property
    def url(self) -> str:
        """Return the base URL for clients."""
        return f"{self._scheme}://{LOOPBACK}:{self.port}"

    def start(self) -> "Server":
        """Begin to answer."""
        self._listener.start()
        return self

    def stop(self) -> None:
        """Cut every connection and release the port; the org stays open."""
        self._listener.stop()

    def __enter__(self) -> "Server":
        """Start."""
        return self.start()

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self.stop()


class _Listener(Listener):
    def __init__(self, org: Org, port: int, tls: ssl.SSLContext | None, control: bool) -> None:
        self.org = org
        self.control = control
        self.scheme = "https" if tls else "http"
        super().__init__(port, _Connection)
        if tls:
            # The handshake is left to the connection's own thread, so that a slow client stops no other.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)


class _Cut(Exception):
    """The connection ends here."""


class _Connection(Connection):
    server: "_Listener"

    def handle_one_request(self) -> None:
        """Answer one request; a cut connection takes no further one."""
        try:
            super().handle_one_request()
        except (_Cut, OSError):
            self.close_connection = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the `Date` header: the org's clock, to which watermarks are set."""
        return format_datetime(self.server.org.clock().astimezone(UTC), usegmt=True)

    def do_GET(self) -> None:
        """Answer the request, write it to the journal, and apply the fault that is due."""
        request = self._request()
        if request.path == control.PATH and self.server.control:
            self._send(control.control(self.server.org, request), None)
            return
        fault = self.server.org.faults.due(request.method, self.path)
        given = self._faulty_answer(fault, request) if fault else self._answer(request)
        # Before the answer goes out, so that a client which has it finds itself in the journal.
        self._journal(request, given.status if given else 0)
        if given is None:
            self.rfile.close()
            self.reset()
            raise _Cut
        self._send(given, fault)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MAX_BODY or self.headers.get("Transfer-Encoding"):
            self._send(Answer(413, b"Request Entity Too Large", _HTML), None)
            raise _Cut
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("content-encoding") == "gzip":
            body = zlib.decompress(body, _GZIP)
        host = headers.get("host", f"127.0.0.1:{self.server.server_port}")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(self.command, parts.path, query, headers, body, f"{self.server.scheme}://{host}")

    def _answer(self, request: Request) -> Answer:
        if len(self.path) > _MAX_HEAD:
            return Answer(414, b"URI Too Long", _HTML)
        if len(self.path) + sum(len(n) + len(v) + 4 for n, v in self.headers.items()) > _MAX_HEAD:
            return Answer(431, b"Request Header Fields Too Large", _HTML)
        is_csv = "csv" in self.headers.get("Content-Type", "")
        if len(request.body) > self.server.org.settings.longest_body and not is_csv:
            return Answer(413, b"Request Entity Too Large", _HTML)
        return routes.answer(self.server.org, request)

    def _faulty_answer(self, fault: Fault, request: Request) -> Answer | None:
        if fault.action == "reset":
            return None
        if fault.action in ("html", "empty", "status"):
            return _canned(fault, self.server.org.usage.header())
        if fault.action == "delay":
            self.server.stopping.wait(fault.seconds)
        if fault.action == "expire_session":
            self.server.org.logins.expire_all()
        given = self._answer(request)
        return None if fault.action == "reset_after" else given

    def _send(self, given: Answer, fault: Fault | None) -> None:
        keep = fault.keep if fault and fault.action == "truncate" else None
        compress = "gzip" in self.headers.get("Accept-Encoding", "")
        self.send_response(given.status)
        self.send_header("Content-Type", given.content_type)
        for name, value in given.headers.items():
            self.send_header(name, value)
        if isinstance(given.body, bytes):
            self._send_whole(given.body, compress, keep)
        else:
            self._send_blocks(given.body, compress, keep)

    def _send_whole(self, body: bytes, compress: bool, keep: int | None) -> None:
        if compress and len(body) >= _MIN_GZIP:
            packer = zlib.compressobj(1, wbits=_GZIP)
            body = packer.compress(body) + packer.flush()
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if keep is None else body[:keep])
        if keep is not None:
            raise _Cut

    def _send_blocks(self, blocks: Iterator[bytes], compress: bool, keep: int | None) -> None:
        if compress:
            blocks = _gzipped(blocks)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for block in blocks:
            if keep is not None:
                self.wfile.write(b"%x\r\n%b" % (len(block), block[:keep]))
                raise _Cut
            self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
        self.wfile.write(b"0\r\n\r\n")

    def _journal(self, request: Request, status: int) -> None:
        org, agent = self.server.org, request.headers.get("user-agent", "")
        org.journal.write(Entry(org.clock(), request.method, self.path, status, routes.kind_of(request), agent))


def _canned(fault: Fault, usage: str) -> Answer:
    if fault.action == "html":
        return Answer(fault.status, b"<html><body><h1>An error has occurred</h1></body></html>", _HTML)
    if fault.action == "empty":
        return Answer(fault.status)
    return Answer(fault.status, json.dumps(fault.body).encode(), headers={"Sforce-Limit-Info": usage})


def _gzipped(blocks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, wbits=_GZIP)
    for block in blocks:
        if packed := packer.compress(block):
            yield packed
    yield packer.flush()

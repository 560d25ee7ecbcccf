"""Brands on a socket: HTTP/1.1 on loopback, in a thread."""

import json
import socket
from datetime import UTC
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from standins.deployteq import control
from standins.deployteq.brand import Brand
from standins.deployteq.calls import call
from standins.deployteq.description import wsdl
from standins.deployteq.faults import UNKNOWN_TOKEN, SoapFault, Trouble
from standins.deployteq.messages import read_call, write_answer, write_fault
from standins.loopback import LOOPBACK, Connection, Listener

PATH = "/app/api/soap/public/index.php"
_XML = "text/xml; charset=utf-8"
_HTML = "text/html"


class Server:
    """A stand-in that answers between start and stop; it never listens to anything but loopback."""

    def __init__(self, *brands: Brand, port: int = 0, control: bool = False) -> None:
        """Take a port, a free one for 0; `control` opens `/__control` for the first brand."""
        self._listener = _Listener(brands, port, control)

    @property
    def url(self) -> str:
        """Return the base URL for clients."""
        return f"http://{LOOPBACK}:{self._listener.server_port}"

    def __enter__(self) -> "Server":
        """Begin to answer."""
        self._listener.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Cut every connection and release the port."""
        self._listener.stop()


class _Listener(Listener):
    def __init__(self, brands: tuple[Brand, ...], port: int, control: bool) -> None:
        self.brands = {brand.token: brand for brand in brands}
        self.first = brands[0]
        self.control = control
        super().__init__(port, _Connection)

    def brand_of(self, token: str) -> Brand:
        """Return the brand of a token; raises fault 202 when there is none."""
        if token not in self.brands:
            raise SoapFault(UNKNOWN_TOKEN, "Unknown token")
        return self.brands[token]


class _Connection(Connection):
    wbufsize = -1
    server: "_Listener"

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the `Date` header, by the brand's clock."""
        return format_datetime(self.server.first.now().astimezone(UTC), usegmt=True)

    def do_GET(self) -> None:
        """Give the description, or the state."""
        if self.path == control.PATH and self.server.control:
            return self._send(200, json.dumps(control.report(self.server.first)).encode(), "application/json")
        location = f"http://{self.headers['Host']}{PATH}?version=1.24&amp;type=literal"
        return self._send(200, wsdl(location, self.server.first.switches.extra_field))

    def do_POST(self) -> None:
        """Answer a call."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if path == control.PATH and self.server.control:
            done = control.obey(self.server.first, json.loads(body))
            return self._send(200, json.dumps(done).encode(), "application/json")
        if path != PATH:
            return self._send(404, b"Not Found", _HTML)
        try:
            operation, given = read_call(body, self.server.first.switches.extra_field)
            brand = self.server.brand_of(given["uuid"])
        except SoapFault as fault:
            return self._send(500, write_fault(fault))
        return self._answer(brand, operation, given)

    def _answer(self, brand: Brand, operation: str, given: dict[str, Any]) -> None:
        trouble = brand.troubles.due(operation, len(given.get("customers") or ()))
        if trouble and trouble.action in {"reset", "hold", "html", "status", "fault"}:
            brand.journal.append(operation)
            return self._refuse(trouble)
        try:
            with brand.lock:
                brand.journal.append(operation)
                answer = write_answer(operation, call(brand, operation, given), brand.switches.extra_field)
        except SoapFault as fault:
            return self._send(500, write_fault(fault))
        if trouble and trouble.action == "reset after":
            return self.reset()
        if trouble and trouble.action == "hold after":
            return self._hold()
        return self._send(200, answer, keep=len(answer) // 2 if trouble else None)

    def _refuse(self, trouble: Trouble) -> None:
        if trouble.action == "reset":
            return self.reset()
        if trouble.action == "hold":
            return self._hold()
        if trouble.action == "fault":
            return self._send(500, write_fault(SoapFault(trouble.status, "Refused on demand")))
        status = 500 if trouble.action == "html" else trouble.status
        return self._send(status, b"<html><body>An error has occurred</body></html>", _HTML, retry=True)

    def _hold(self) -> None:
        """Answer nothing until the client is gone."""
        self.connection.recv(1)
        self.close_connection = True

    def _send(
        self, status: int, body: bytes, kind: str = _XML, *, retry: bool = False, keep: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if retry:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if keep is None else body[:keep])
        self.wfile.flush()
        if keep is not None:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

"""Brands on a socket: HTTP/1.1 on loopback, in a thread."""

import json
import socket
import struct
import sys
import threading
from datetime import UTC
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from standins.deployteq import control
from standins.deployteq.brand import Brand
from standins.deployteq.calls import call
from standins.deployteq.description import wsdl
from standins.deployteq.faults import UNKNOWN_TOKEN, SoapFault, Trouble
from standins.deployteq.messages import read_call, write_answer, write_fault

PATH = "/app/api/soap/public/index.php"
_XML = "text/xml; charset=utf-8"
_HTML = "text/html"


class Server:
    """A stand-in that answers between start and stop; it never listens to anything but loopback."""

    def __init__(self, *brands: Brand, port: int = 0, control: bool = False) -> None:
        """Take a port, a free one for 0; `control` opens `/__control` for the first brand."""
        self._listener = _Listener(brands, port, control)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Return the base URL for clients."""
        return f"http://127.0.0.1:{self._listener.server_port}"

    def __enter__(self) -> "Server":
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Cut every connection and release the port."""
        self._listener.shutdown()
        for connection in list(self._listener.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._listener.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, brands: tuple[Brand, ...], port: int, control: bool) -> None:
        self.brands = {brand.token: brand for brand in brands}
        self.first = brands[0]
        self.control = control
        self.open: set[Any] = set()
        super().__init__(("127.0.0.1", port), _Connection)

    def brand_of(self, token: str) -> Brand:
        """Return the brand of a token; raises fault 202 when there is none."""
        if token not in self.brands:
            raise SoapFault(UNKNOWN_TOKEN, "Unknown token")
        return self.brands[token]

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnects is no error; any other exception is ours and is printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "_Listener"

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the `Date` header, by the brand's clock."""
        return format_datetime(self.server.first.now().astimezone(UTC), usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: the journal has every call."""

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
        trouble = brand.troubles.due(operation)
        if trouble and trouble.action in {"reset", "html", "status", "fault"}:
            brand.journal.append(operation)
            return self._refuse(trouble)
        try:
            with brand.lock:
                brand.journal.append(operation)
                answer = write_answer(operation, call(brand, operation, given), brand.switches.extra_field)
        except SoapFault as fault:
            return self._send(500, write_fault(fault))
        if trouble and trouble.action == "reset after":
            return self._reset()
        return self._send(200, answer, keep=len(answer) // 2 if trouble else None)

    def _refuse(self, trouble: Trouble) -> None:
        if trouble.action == "reset":
            return self._reset()
        if trouble.action == "fault":
            return self._send(500, write_fault(SoapFault(trouble.status, "Refused on demand")))
        status = 500 if trouble.action == "html" else trouble.status
        return self._send(status, b"<html><body>An error has occurred</body></html>", _HTML, retry=True)

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

    def _reset(self) -> None:
        """Close so that the client sees a reset and not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

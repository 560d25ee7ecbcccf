"""The org on a socket: HTTP/1.1 on loopback, in a thread, plain or with TLS."""

import socket
import ssl
import sys
import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any

from standins.salesforce.connection import Connection
from standins.salesforce.org.org import Org

LOOPBACK = "127.0.0.1"


class Server:
    """A stand-in that answers between start and stop; it never listens to anything but loopback."""

    def __init__(self, org: Org, *, port: int = 0, tls: ssl.SSLContext | None = None, control: bool = False) -> None:
        """Take a port, a free one for 0; `control` opens `/__control`."""
        self.org = org
        self._scheme = "https" if tls else "http"
        self._listener = _Listener(org, port, tls, control)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)

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
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cut every connection and release the port; the org stays open."""
        self._listener.shutdown()
        self._listener.cut_connections()
        self._listener.server_close()
        self._thread.join()

    def __enter__(self) -> "Server":
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


class _Listener(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, org: Org, port: int, tls: ssl.SSLContext | None, control: bool) -> None:
        self.org = org
        self.control = control
        self.scheme = "https" if tls else "http"
        self.stopping = threading.Event()
        self._open: set[Any] = set()
        super().__init__((LOOPBACK, port), Connection)
        if tls:
            # The handshake is left to the connection's own thread, so that a slow client stops no other.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        self.stopping.set()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no event; anything else is a fault of ours and belongs on the screen."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

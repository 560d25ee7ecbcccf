"""Answers have an end: a deadline for the whole of each, from the first byte that is sent, and a size.

A timeout of `requests` counts from byte to byte: a server that drips would hold a run for ever, and half a megabyte of
gzip may be a gigabyte of answer. What is sent gets the whole time as well: of `requests` it would have that for
connecting, in which a large file is not sent.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_CHUNK = 1 << 16
# Bytes that have to come in each pause of a long answer; less is a drip.
_PROGRESS = 1 << 20


class DeadlineAdapter(HTTPAdapter):
    """Cuts the connection of a request whose answer has not ended in time, wherever it is waited for."""

    def __init__(self) -> None:
        """Retry nothing: the task is the only layer that retries."""
        super().__init__(max_retries=0)
        self._sent = threading.local()

    def init_poolmanager(self, *sizes: Any, **settings: Any) -> None:
        """Make pools whose connections tell the socket of the request that a thread sends."""
        super().init_poolmanager(*sizes, **settings)
        self.poolmanager.pool_classes_by_scheme = _pools(self)

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        """Make the same for a proxy."""
        manager = super().proxy_manager_for(proxy, **settings)
        manager.pool_classes_by_scheme = _pools(self)
        return manager

    def start_deadline(self, seconds: float, pause: float | None = None) -> "Deadline":
        """Begin to count for what this thread sends next."""
        self._sent.current = current = Deadline(seconds, pause)
        return current

    def current(self) -> "Deadline | None":
        """Return the deadline of what this thread sends."""
        return getattr(self._sent, "current", None)


class Deadline:
    """A timer that cuts one connection, at its end or after a pause in which next to nothing came."""

    def __init__(self, seconds: float, pause: float | None = None) -> None:
        """Begin to count."""
        self.seconds = seconds
        self.is_over = False
        self._end = time.monotonic() + seconds
        self._pause = min(pause or seconds, seconds)
        self._arrived = 0
        self._has_ended = False
        self._socket: Any = None
        self._lock = threading.Lock()
        self._start_timer()

    def watch(self, own: Any) -> None:
        """Cut this socket from now on."""
        with self._lock:
            self._socket = own
            if self.is_over:
                self._cut()

    def add(self, arrived: int) -> None:
        """Count bytes of an answer."""
        self._arrived += arrived

    def cancel(self) -> None:
        """The answer has ended."""
        with self._lock:
            self._has_ended = True
            self._timer.cancel()

    def _start_timer(self) -> None:
        self._timer = threading.Timer(min(self._pause, self._end - time.monotonic()), self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        with self._lock:
            if self._has_ended:
                return
            if self._arrived >= _PROGRESS and time.monotonic() < self._end:
                self._arrived = 0
                self._start_timer()
                return
            self.is_over = True
            self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            # One that TLS has taken over has nothing to cut; the handshake has the time for connecting.
            with suppress(OSError):
                # Not that of TLS, which would wait for its turn to say goodbye.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def watch(
    response: requests.Response, deadline: Deadline, at_most: int, too_large: Callable[[requests.Response], Exception]
) -> None:
    """Let the body, when it is read, count against its deadline and its size; raises what `too_large` returns."""
    close, pieces = response.close, response.iter_content

    def closed() -> None:
        deadline.cancel()
        close()

    def watched(*settings: Any, **more: Any) -> Iterator[Any]:
        size = 0
        for piece in pieces(*settings, **more):
            size += len(piece)
            deadline.add(len(piece))
            if size > at_most:
                response.close()
                raise too_large(response)
            yield piece

    response.close, response.iter_content = closed, watched  # type: ignore[method-assign]


def read_whole(response: requests.Response, deadline: Deadline) -> None:
    """Read the body of a watched response into it, and end its deadline; raises ReadTimeout for its time."""
    body = b"".join(response.iter_content(_CHUNK))
    deadline.cancel()
    if deadline.is_over:
        # Where an answer has no length, a connection that was cut looks like its end.
        raise requests.ReadTimeout
    response._content = body


def _pools(adapter: DeadlineAdapter) -> dict[str, Any]:
    """Return the classes of pools; a socket is told when it is made, for a proxy's answer, and when TLS is on it."""

    def noted(own: socket.socket) -> socket.socket:
        if (deadline := adapter.current()) is not None:
            deadline.watch(own)
        return own

    def prepare(connection: HTTPConnection) -> None:
        if connection.sock is None:
            connection.connect()
        if (deadline := adapter.current()) is not None:
            # `close` lets go of it before the answer has come.
            deadline.watch(connection.sock)
            connection.timeout = deadline.seconds

    class Http(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return noted(super()._new_conn())

        def request(self, *arguments: Any, **settings: Any) -> None:
            prepare(self)
            super().request(*arguments, **settings)

    class Https(Http, HTTPSConnection):
        """The same with TLS."""

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    return {"http": HttpPool, "https": HttpsPool}

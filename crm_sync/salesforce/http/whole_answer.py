"""Answers have an end: a deadline for the whole of each, and a size that none but a page of a Bulk job exceeds.

A timeout of `requests` counts from byte to byte: a server that drips would hold a run for ever, and half a megabyte of
gzip may be a gigabyte of answer.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from crm_sync.errors import AnswerTooLargeError, SalesforceUnavailableError
from crm_sync.salesforce.http.limit_info import read_server_time

_CHUNK = 1 << 16


class DeadlineAdapter(HTTPAdapter):
    """Cuts the connection of a request whose answer has not ended in time, wherever it is waited for."""

    def __init__(self) -> None:
        """Retry nothing: the task is the only layer that retries."""
        super().__init__(max_retries=0)
        self._sent = threading.local()

    def init_poolmanager(self, *sizes: Any, **settings: Any) -> None:
        """Make pools whose connections note the socket of the request that a thread has sent."""
        super().init_poolmanager(*sizes, **settings)
        self.poolmanager.pool_classes_by_scheme = _pools(self)

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        """Make the same for a proxy."""
        manager = super().proxy_manager_for(proxy, **settings)
        manager.pool_classes_by_scheme = _pools(self)
        return manager

    def note(self, connection: Any) -> None:
        """Note the connection on which this thread sends, before its answer comes."""
        current = getattr(self._sent, "current", None)
        if current is not None:
            current.connection = connection

    def start_deadline(self, seconds: float) -> "Deadline":
        """Begin to count for what this thread sends next."""
        self._sent.current = current = Deadline(seconds)
        return current


class Deadline:
    """A timer that cuts one connection."""

    def __init__(self, seconds: float) -> None:
        """Begin to count."""
        self.seconds = seconds
        self.is_over = False
        self.connection: Any = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """The answer has ended."""
        self._timer.cancel()

    def _cut(self) -> None:
        self.is_over = True
        own = getattr(self.connection, "own_socket", None)
        if own is not None:
            with suppress(OSError):
                # Not that of TLS, which would wait for its turn to say goodbye.
                socket.socket.shutdown(own, socket.SHUT_RDWR)


def read_whole(response: requests.Response, at_most: int, deadline: Deadline) -> None:
    """Read the body into the response, and end its deadline.

    Raises AnswerTooLargeError for its size, and ReadTimeout for its time.
    """
    parts, size = [], 0
    for chunk in response.iter_content(_CHUNK):
        size += len(chunk)
        if size > at_most:
            deadline.cancel()
            response.close()
            raise _too_large(response)
        parts.append(chunk)
    deadline.cancel()
    if deadline.is_over:
        # Where an answer has no length, a connection that was cut looks like its end.
        raise requests.ReadTimeout
    response._content = b"".join(parts)


def end_with(response: requests.Response, deadline: Deadline) -> None:
    """End the deadline when the response is closed."""

    def close(own: Callable[[], None] = response.close) -> None:
        deadline.cancel()
        own()

    response.close = close  # type: ignore[method-assign]


def _pools(adapter: DeadlineAdapter) -> dict[str, Any]:
    """Return the classes of pools; a socket is noted when it is made, since `close` lets go of it before the answer."""

    class Noted(HTTPConnection):
        def request(self, *arguments: Any, **settings: Any) -> None:
            adapter.note(self)
            super().request(*arguments, **settings)
            self.own_socket = self.sock

    class NotedTls(HTTPSConnection):
        def request(self, *arguments: Any, **settings: Any) -> None:
            adapter.note(self)
            super().request(*arguments, **settings)
            self.own_socket = self.sock

    class Plain(HTTPConnectionPool):
        ConnectionCls = Noted

    class Tls(HTTPSConnectionPool):
        ConnectionCls = NotedTls

    return {"http": Plain, "https": Tls}


def _too_large(response: requests.Response) -> AnswerTooLargeError:
    asked_at = None
    with suppress(SalesforceUnavailableError):
        asked_at = read_server_time(response.headers) - response.elapsed
    return AnswerTooLargeError(
        "Salesforce's answer is larger than is taken at once; map fewer fields, above all fewer long texts.",
        asked_at=asked_at,
    )

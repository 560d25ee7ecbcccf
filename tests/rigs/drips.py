"""Servers that take their time: an answer in parts, then one part after the other for ever."""

import os
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
import trustme

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
# A part of an answer, and what then drips: the status line, a header, and bodies of each kind.
DRIPS = [
    pytest.param((), b" ", id="status line"),
    pytest.param((OK,), b"a", id="header"),
    pytest.param((OK, b"Content-Length: 100000\r\n\r\n"), b"a", id="body"),
    pytest.param((OK, b"Connection: close\r\n\r\n"), b"a", id="body without length"),
    pytest.param((OK, b"Transfer-Encoding: chunked\r\n\r\n"), b"1\r\na\r\n", id="chunks"),
    # The head of gzip, and then blocks that hold nothing.
    pytest.param((OK, b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03"), b"\0\0\0\xff\xff", id="gzip"),
]


@contextmanager
def serving(answer: Callable[[Any, threading.Event], None], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve connections, with TLS where a context is given; the event tells that it is over."""
    ended = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                if tls is None:
                    answer(self.request, ended)
                    return
                with tls.wrap_socket(self.request, server_side=True) as connection:
                    answer(connection, ended)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
        ended.set()
        server.shutdown()


def dripping(*parts: bytes, drip: bytes = b"", pause: float = 0.02) -> Callable[[Any, threading.Event], None]:
    """Return what answers a request in parts, and then drips."""

    def answer(connection: Any, ended: threading.Event) -> None:
        connection.recv(65_536)
        for part in parts:
            connection.sendall(part)
        for part in repeat(drip) if drip else ():
            connection.sendall(part)
            if ended.wait(pause):
                return

    return answer


def drip_handshake(connection: Any, ended: threading.Event) -> None:
    """Begin a handshake of TLS that never ends: a record of 16 KiB that comes by the byte."""
    connection.recv(65_536)
    for part in chain([b"\x16\x03\x03\x40\0\x02\0\x3f\xfc\x03\x03"], repeat(b"a")):
        connection.sendall(part)
        if ended.wait(0.02):
            return


def read_late(connection: Any, ended: threading.Event) -> None:
    """Leave what is sent alone for more than a second, and then take it and answer."""
    ended.wait(1.2)
    taken, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
    left = int(taken.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) - len(body)
    while left > 0 and (part := connection.recv(1 << 20)):
        left -= len(part)
    connection.sendall(OK + b"Content-Length: 2\r\n\r\n{}")


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return the TLS of this machine, which is trusted."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    for name in [one for one in os.environ if one.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    return context

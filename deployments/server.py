"""`python -m deployments.server PORT`: Prefect's server for one machine, which `make up` and the demo start.

It is Prefect's own, and only two things are added: it answers no web page but its own, and on SQLite one writes at a
time.
"""

import os
import signal
import sys
import threading
from typing import Any

import uvicorn
from prefect.server.api.server import create_app
from prefect.server.database.dependencies import set_database_config
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

from deployments.cut_runs import end_processes_of_runs
from deployments.environment import own_hosts, own_origins
from deployments.one_writer import OneWriter

_POLICY_VIOLATION = 1008


class OwnPagesOnly:
    """Refuses a request under another name, or from another site's page: a web page that is open beside the UI.

    The password alone would do; but a browser that knows it, or a name that a stranger points at this machine, must
    not be a way round it.
    """

    def __init__(self, app: Any, port: int) -> None:
        """Stand before `app`, which listens on `port` of this machine."""
        self._app = app
        self._hosts = set(own_hosts(port))
        self._origins = set(own_origins(port))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"} or self._is_own(scope["headers"]):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"This server only answers pages of its own address."})

    def _is_own(self, headers: list[tuple[bytes, bytes]]) -> bool:
        hosts = {value.decode("latin-1").lower() for name, value in headers if name == b"host"}
        origins = {value.decode("latin-1").lower() for name, value in headers if name == b"origin"}
        return bool(hosts) and hosts <= self._hosts and origins <= self._origins


def main() -> None:
    """Serve until stopped, or until the process that started this one is gone."""
    port = int(sys.argv[1])
    threading.Thread(target=_stop_with_the_parent, daemon=True).start()
    database = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if database.startswith("sqlite"):
        set_database_config(OneWriter(connection_url=database))
    uvicorn.run(OwnPagesOnly(create_app(final=True), port), host="127.0.0.1", port=port, log_level="warning")


def _stop_with_the_parent() -> None:
    """A killed parent closes its end of the pipe, and nobody would be left to stop this, or the runs under way."""
    # Not by `sys.stdin`, whose lock a thread that waits would hold when Python ends.
    while os.read(0, 1):
        pass
    end_processes_of_runs(PREFECT_API_URL=os.environ["PREFECT_API_URL"])
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()

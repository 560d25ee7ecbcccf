"""Spares the tests' Prefect server what changes nothing: half of a flow test's time went into its answers.

What this process has read and not changed since is not read again; a page is sent when somebody reads pages, and only
the newest of its name; a turn is given here while the limits that a test has read let everything pass at once.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partialmethod
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.client.base import PrefectHttpxSyncClient

# The limits of flow tests, which hold nothing back.
SLOTS, SLOTS_A_SECOND = 100_000, 1000
_LIMITS = "/v2/concurrency_limits"
_READ_ONCE = ("/admin/", f"{_LIMITS}/salesforce-api", "/block_types/", "/block_schemas/")
# Sessions are saved by other processes too.
_READ_ANEW = "/name/salesforce-"
_CHANGES_NOTHING_ELSE = ("/flows", "/flow_runs", "/artifacts", "/logs", f"{_LIMITS}/increment", f"{_LIMITS}/leases")
_send = httpx.Client.send
_send_in_loop = httpx.AsyncClient.send


class _Spared:
    def __init__(self, api_url: str) -> None:
        self._api_url = api_url
        self._answers: dict[str, httpx.Response] = {}
        # By their ids here: pages that wait, and the server's ids of those that it was sent.
        self._pages: dict[str, dict[str, Any]] = {}
        self._sent: dict[str, str] = {}

    def send(self, client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        """Answer for the server, or let it answer."""
        path = self._path(request)
        if path is None or not isinstance(client, PrefectHttpxSyncClient):
            return _send(client, request, **options)
        if path.startswith("/artifacts/"):
            if request.method in {"POST", "PATCH"} and not path.endswith(("/filter", "/count")):
                return self._keep_page(client, request, path.removeprefix("/artifacts/"))
            self._send_pages(client)
        if path == f"{_LIMITS}/increment" and (turn := self._turn(request)):
            return turn
        key = str(request.url)
        if request.method == "GET" and (known := self._answers.get(key)):
            return httpx.Response(known.status_code, content=known.content, headers=_plain(known), request=request)
        answer = _send(client, request, **options)
        is_read_once = path.startswith(_READ_ONCE) and _READ_ANEW not in path
        if request.method == "GET" and is_read_once and answer.status_code in {httpx.codes.OK, httpx.codes.NOT_FOUND}:
            self._answers[key] = answer
        self._forget(request)
        return answer

    async def send_in_loop(self, client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        """Let the server answer."""
        try:
            return await _send_in_loop(client, request, **options)
        finally:
            self._forget(request)

    def _path(self, request: httpx.Request) -> str | None:
        url = str(request.url.copy_with(query=None))
        return url.removeprefix(self._api_url) if url.startswith(self._api_url) else None

    def _forget(self, request: httpx.Request) -> None:
        path = self._path(request)
        if path is None or request.method == "GET" or path.endswith("/filter"):
            return
        if request.method == "DELETE":
            self._pages.clear()
        if request.method == "DELETE" or not path.startswith(_CHANGES_NOTHING_ELSE):
            self._answers.clear()

    def _turn(self, request: httpx.Request) -> httpx.Response | None:
        asked = json.loads(request.content)
        read = [self._answers.get(f"{self._api_url}{_LIMITS}/{name}") for name in asked["names"]]
        limits = [answer.json() for answer in read if answer and answer.status_code == httpx.codes.OK]
        is_open = len(limits) == len(asked["names"]) and all(
            (one["limit"], one["slot_decay_per_second"], one["active"]) == (SLOTS, SLOTS_A_SECOND, True)
            for one in limits
        )
        return httpx.Response(200, json=limits, request=request) if is_open else None

    def _keep_page(self, client: httpx.Client, request: httpx.Request, own_id: str) -> httpx.Response:
        values = json.loads(request.content)
        if request.method == "PATCH":
            if own_id in self._pages:
                self._pages[own_id] |= values
            elif own_id in self._sent:
                _send(client, client.build_request("PATCH", f"/artifacts/{self._sent[own_id]}", json=values))
            return httpx.Response(204, request=request)
        for old in [number for number, page in list(self._pages.items()) if page.get("key") == values.get("key")]:
            self._pages.pop(old, None)
        own_id, now = str(uuid4()), datetime.now(UTC).isoformat()
        self._pages[own_id] = values
        return httpx.Response(201, json=values | {"id": own_id, "created": now, "updated": now}, request=request)

    def _send_pages(self, client: httpx.Client) -> None:
        for own_id in list(self._pages):
            page = client.build_request("POST", "/artifacts/", json=self._pages.pop(own_id))
            self._sent[own_id] = _send(client, page).raise_for_status().json()["id"]


def _plain(answer: httpx.Response) -> dict[str, str]:
    return {"content-type": answer.headers.get("content-type", "application/json")}


def _for_client(client: httpx.Client, instead: _Spared, request: httpx.Request, **options: Any) -> httpx.Response:
    return instead.send(client, request, **options)


async def _for_client_in_loop(
    client: httpx.AsyncClient, instead: _Spared, request: httpx.Request, **options: Any
) -> httpx.Response:
    return await instead.send_in_loop(client, request, **options)


@contextmanager
def spared(api_url: str) -> Iterator[None]:
    """Spare the server at this address."""
    instead = _Spared(api_url)
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(httpx.Client, "send", partialmethod(_for_client, instead))
        patches.setattr(httpx.AsyncClient, "send", partialmethod(_for_client_in_loop, instead))
        yield

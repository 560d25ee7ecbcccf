"""Keeps the live Salesforce session between runs: encrypted, in a Prefect Secret, shared by all flows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from hashlib import sha256
from typing import Any, cast

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists
from pydantic import TypeAdapter

from blocks.kept_secret import load_secret, save_secret
from crm_sync.salesforce.login.lockout import RefusedLogin
from crm_sync.salesforce.login.logins import Login, Session

_REFUSED = TypeAdapter(RefusedLogin)


class PrefectSessionStore:
    """One session for each host and user; whose credentials gave it is in the session itself.

    Stand-ins are all of one machine: what one has given or refused is none of another's.
    """

    def __init__(self, login: Login, endpoint_url: str = "") -> None:
        """Name the Secret after the login, without showing the user; `endpoint_url`: of a stand-in."""
        self._endpoint = endpoint_url
        digest = sha256(f"{login.host}/{login.user}".encode()).hexdigest()[:16]
        self._name = f"salesforce-session-{digest}"
        self._refused_name = f"salesforce-refused-{digest}"
        # One for each user, since logging in as one need not wait for a login as another.
        self._one_login = f"salesforce-login-{digest}"

    def load(self) -> Session | None:
        """Return the kept session, if there is one."""
        kept = self._load(self._name)
        try:
            return Session(**kept) if kept else None
        except TypeError:  # as an earlier version kept it
            return None

    def save(self, session: Session) -> None:
        """Keep the session instead of the one before."""
        self._save(self._name, asdict(session))

    def refused(self) -> RefusedLogin | None:
        """Return the login that Salesforce refused last, if there is one."""
        kept = self._load(self._refused_name)
        return _REFUSED.validate_python(kept) if kept else None

    def note_refused(self, refused: RefusedLogin | None) -> None:
        """Keep a refused login instead of the one before, or none."""
        self._save(self._refused_name, _REFUSED.dump_python(refused, mode="json") if refused else {})

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let one process at a time log in, on all hosts that share the Prefect server."""
        # Of two processes that make it at once, one comes second.
        with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
            client.upsert_global_concurrency_limit_by_name(self._one_login, limit=1)
        with concurrency(self._one_login, occupy=1, strict=True, timeout_seconds=300):
            yield

    def _load(self, name: str) -> dict[str, Any]:
        kept = cast(dict[str, Any], load_secret(name) or {})
        return kept if kept.pop("endpoint", "") == self._endpoint else {}

    def _save(self, name: str, content: dict[str, Any]) -> None:
        save_secret(name, json.dumps({**content, "endpoint": self._endpoint}), overwrite=True)

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
    """One session for each host and user; whose credentials gave it is in the session itself."""

    def __init__(self, login: Login) -> None:
        """Name the Secret after the login, without showing the user."""
        digest = sha256(f"{login.host}/{login.user}".encode()).hexdigest()[:16]
        self._name = f"salesforce-session-{digest}"
        self._refused_name = f"salesforce-refused-{digest}"
        # One for each user, since logging in as one need not wait for a login as another.
        self._one_login = f"salesforce-login-{digest}"

    def load(self) -> Session | None:
        """Return the kept session, if there is one."""
        kept = _load(self._name)
        try:
            return Session(**kept) if kept else None
        except TypeError:  # as an earlier version kept it
            return None

    def save(self, session: Session) -> None:
        """Keep the session instead of the one before."""
        save_secret(self._name, json.dumps(asdict(session)), overwrite=True)

    def refused(self) -> RefusedLogin | None:
        """Return the login that Salesforce refused last, if there is one."""
        kept = _load(self._refused_name)
        return _REFUSED.validate_python(kept) if kept else None

    def note_refused(self, refused: RefusedLogin | None) -> None:
        """Keep a refused login instead of the one before, or none."""
        content = _REFUSED.dump_python(refused, mode="json") if refused else {}
        save_secret(self._refused_name, json.dumps(content), overwrite=True)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let one process at a time log in, on all hosts that share the Prefect server."""
        # Of two processes that make it at once, one comes second.
        with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
            client.upsert_global_concurrency_limit_by_name(self._one_login, limit=1)
        with concurrency(self._one_login, occupy=1, strict=True, timeout_seconds=300):
            yield


def _load(name: str) -> dict[str, Any]:
    return cast(dict[str, Any], load_secret(name) or {})

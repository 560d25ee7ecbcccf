"""Keeps the live Salesforce session between runs: encrypted, in a Prefect Secret, shared by all flows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from hashlib import sha256
from typing import Any, cast

from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists
from pydantic import JsonValue, SecretStr

from crm_sync.salesforce.login import Login, Session


class PrefectSessionStore:
    """One session for each login: host and user."""

    def __init__(self, login: Login) -> None:
        """Name the Secret after the login, without showing the user."""
        digest = sha256(f"{login.host}/{login.user}".encode()).hexdigest()[:16]
        self._name = f"salesforce-session-{digest}"
        # One for each user, since logging in as one need not wait for a login as another.
        self._one_login = f"salesforce-login-{digest}"

    def load(self) -> Session | None:
        """Return the kept session, if there is one."""
        try:
            kept = Secret.load(self._name)
        except ValueError:  # Prefect's answer for a block that is not there
            return None
        # Prefect gives the JSON in a Secret back as what it stands for.
        return Session(**cast(Secret[JsonValue], kept).get())  # type: ignore[arg-type]  # it is the dict of `save`

    def save(self, session: Session) -> None:
        """Keep the session instead of the one before."""
        # Not Secret[str]: Prefect would save that as another block type, and `load` would not find it.
        secret: Secret[Any] = Secret(value=SecretStr(json.dumps(asdict(session))))
        secret.save(self._name, overwrite=True)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let one process at a time log in, on all hosts that share the Prefect server."""
        # Of two processes that make it at once, one comes second.
        with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
            client.upsert_global_concurrency_limit_by_name(self._one_login, limit=1)
        with concurrency(self._one_login, occupy=1, strict=True, timeout_seconds=300):
            yield

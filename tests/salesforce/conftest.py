"""Doubles of what the transport is given, and a stand-in org to send requests to."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_sync.errors import LimitReachedError
from crm_sync.requests import ApiUsage
from crm_sync.salesforce.http.transport import Transport
from crm_sync.salesforce.login.lockout import RefusedLogin
from crm_sync.salesforce.login.logins import Login, Session, UserPasswordLogin
from crm_sync.salesforce.org import SalesforceOrg
from standins.salesforce.http.journal import Entry
from standins.salesforce.org.org import Org
from standins.salesforce.org.settings import OrgSettings
from standins.salesforce.server import Server

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PASSWORD = "pass<&>word-7f3a"
TOKEN = "tok<&>en-91bc"


@dataclass
class Ledger:
    """A ledger in memory, with a limit."""

    limit: int = 10_000
    reserved: list[str] = field(default_factory=list)
    settled: list[tuple[int, int, ApiUsage | None]] = field(default_factory=list)
    closed: list[tuple[str, type[LimitReachedError]]] = field(default_factory=list)
    host: str = ""

    def reserve(self, kind: str, at: datetime) -> int:
        """Count a request."""
        if len(self.reserved) >= self.limit:
            raise LimitReachedError("The requests of this hour are used up; the next run goes on.")
        self.reserved.append(kind)
        return len(self.reserved)

    def complete(self, request_id: int, status: int, usage: ApiUsage | None) -> None:
        """Note how it ended."""
        self.settled.append((request_id, status, usage))

    def limit_reached(self, kind: str, error: LimitReachedError, at: datetime) -> None:
        """Note that Salesforce has refused a request for a limit."""
        self.closed.append((kind, type(error)))

    def identify(self, host: str) -> None:
        """Note which org it is."""
        self.host = host


@dataclass
class Turns:
    """The pace's place: counts the turns taken."""

    taken: int = 0

    def take(self) -> None:
        """Take a turn."""
        self.taken += 1


@dataclass
class Store:
    """A session store in memory."""

    session: Session | None = None
    refusal: RefusedLogin | None = None
    lock: Any = field(default_factory=threading.Lock)

    def load(self) -> Session | None:
        """Return the kept session."""
        return self.session

    def save(self, session: Session) -> None:
        """Keep a session."""
        self.session = session

    def refused(self) -> RefusedLogin | None:
        """Return the login that was refused last."""
        return self.refusal

    def note_refused(self, refused: RefusedLogin | None) -> None:
        """Keep a refused login."""
        self.refusal = refused

    def exclusive(self) -> AbstractContextManager[object]:
        """Let one log in at a time."""
        return self.lock  # type: ignore[no-any-return]


@dataclass
class Rig:
    """A stand-in org, the way to it, and what passed the gates."""

    standin: Org
    server: Server
    ledger: Ledger
    turns: Turns
    store: Store
    transport: Transport
    org: SalesforceOrg

    def stop_and_read_journal(self) -> list[Entry]:
        """Stop the server, so that its journal is complete, and return every request it saw."""
        self.server.stop()
        return self.standin.requests

    def stop_and_read_kinds(self) -> list[str]:
        """Return what the stand-in was asked, in its own words."""
        return [entry.kind for entry in self.stop_and_read_journal()]

    def stop_and_count_logins(self) -> int:
        """Return how many logins the stand-in saw."""
        return sum(kind in {"login", "token"} for kind in self.stop_and_read_kinds())

    def another_org(self, login: Login | None = None) -> SalesforceOrg:
        """Return another process's view of the org: same store, same gates, a session of its own."""
        return SalesforceOrg(login or user_login(), self.transport, self.store)


def user_login(**changes: Any) -> UserPasswordLogin:
    """Return the login of the stand-in's user."""
    parts: dict[str, Any] = {
        "username": "integration@demo.example",
        "password": PASSWORD,
        "security_token": TOKEN,
    }
    return UserPasswordLogin(**(parts | changes))


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Start a stand-in org with three leads and one contact."""
    settings = OrgSettings(password=PASSWORD, security_token=TOKEN)
    turns = Turns()
    ledger, store = Ledger(), Store()
    with Org(settings) as standin, Server(standin) as server:
        for name in ("Lovelace", "None", 'O\'Neill, née "X"\nSecond line'):
            standin.records.insert("Lead", {"LastName": name, "Company": "Analytical"})
        standin.records.insert("Contact", {"LastName": "Hopper"})
        with Transport(throttle=turns.take, ledger=ledger, clock=lambda: NOW, endpoint_url=server.url) as transport:
            org = SalesforceOrg(user_login(), transport, store)
            yield Rig(standin, server, ledger, turns, store, transport, org)


def no_wait(seconds: float) -> None:
    """Wait for nothing."""


def make_transport(**changes: Any) -> Transport:
    parts: dict[str, Any] = {"throttle": lambda: None, "ledger": Ledger(), "clock": lambda: NOW}
    return Transport(**(parts | changes))

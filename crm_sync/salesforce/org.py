"""A Salesforce org: a login, the transport, and the session they share with all other runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Protocol, TypeVar, Unpack
from urllib.parse import urlsplit

import requests
from simple_salesforce.api import Salesforce

from crm_sync.errors import (
    AddressMovedError,
    ApiVersionError,
    AuthenticationError,
    LimitReachedError,
    SalesforceUnavailableError,
    SessionExpiredError,
    UnknownObjectError,
    UnreachableError,
)
from crm_sync.requests import RequestKind
from crm_sync.salesforce.http.json_body import UNREADABLE
from crm_sync.salesforce.http.transport import Content, Transport
from crm_sync.salesforce.limits import API_VERSION
from crm_sync.salesforce.login.lockout import RefusedLogin, refused_again
from crm_sync.salesforce.login.logins import Login, Session
from crm_sync.salesforce.login.versions import common_version

T = TypeVar("T")


class SessionStore(Protocol):
    """Keeps the session between runs, encrypted and shared by all of them."""

    def load(self) -> Session | None:
        """Return the kept session, if there is one."""
        ...

    def save(self, session: Session) -> None:
        """Replace the kept session."""
        ...

    def refused(self) -> RefusedLogin | None:
        """Return the last login that Salesforce refused, if there is one."""
        ...

    def note_refused(self, refused: RefusedLogin | None) -> None:
        """Replace the kept refused login; None removes it."""
        ...

    def exclusive(self) -> AbstractContextManager[object]:
        """Return the lock that lets one process at a time log in."""
        ...


class SalesforceOrg:
    """Sends requests with a live session: reuses the kept one, logs in when there is none, never logs out.

    Clients of one user share a session, and a logout by one ends it for all (SOAP API guide, "logout()").
    """

    def __init__(
        self,
        login: Login,
        transport: Transport,
        store: SessionStore,
        *,
        api_version: str = API_VERSION,
        accept: Callable[[Session], None] = lambda _: None,
    ) -> None:
        """Keep the parts; nothing is sent before the first request. No newer API version than `api_version` is used.

        `accept` gets each session before it is used, and raises to have nothing sent with it.
        """
        self._login = login
        self._transport = transport
        self._store = store
        self._session: Session | None = None
        self._newest_version = api_version
        # What is kept is doubted once: by the time that this session answers, and never a second time.
        self._answered: Session | None = None
        self._has_doubted_address = self._has_doubted_version = False
        self._accept = accept

    @property
    def session(self) -> Session:
        """The session in use; logs in when there is none."""
        return self._session or self._renew(None)[0]

    @property
    def api_version(self) -> str:
        """The version of the API in use; logs in when there is no session."""
        return self._version_of(self.session)

    @property
    def host(self) -> str:
        """The host of the session in use, empty before the first request."""
        return urlsplit(self._session.instance_url).netloc if self._session else ""

    def log_in_anew(self) -> None:
        """Log in with these very credentials, whatever session is kept and whatever was refused: a person asks."""
        if self._store.refused() is not None:
            self._store.note_refused(None)
        with self._store.exclusive():
            self._log_in_and_keep()

    def use_kept_session(self) -> bool:
        """Take the session that an earlier run has kept; returns whether there is one."""
        return self._take_kept(None) is not None

    def close(self) -> None:
        """Close the connections; the session stays valid."""
        self._transport.close()

    def request(
        self,
        method: str,
        path: str,
        kind: RequestKind,
        *,
        stream: bool = False,
        inspect: Callable[[requests.Response], None] | None = None,
        content_for: Callable[[str], Content] | None = None,
        **content: Unpack[Content],
    ) -> requests.Response:
        """Send a request below /services/data/v<version>, or to a path that itself begins with /services/.

        `inspect` may raise SessionExpiredError for an expiry that only the answer's body shows; it is renewed as well.
        `content_for` gives content that names the version of the API itself, as the parts of a composite do.
        """

        def send(session: Session) -> requests.Response:
            version = self._version_of(session)
            resource = path if path.startswith("/services/") else f"/services/data/v{version}/{path.lstrip('/')}"
            headers = {**content.get("headers", {}), "Authorization": f"Bearer {session.session_id}"}
            own: Content = content_for(version) if content_for else {}
            full: Content = {**content, **own, "headers": headers}
            response = self._transport.call(kind, method, session.instance_url + resource, stream=stream, **full)
            if inspect is not None:
                inspect(response)
            return response

        return self._with_session(send)

    def note_limit(self, kind: RequestKind, limit: LimitReachedError) -> None:
        """Stop all requests for a while: a limit refused a part of a composite."""
        self._transport.note_limit(kind, limit)

    def ask(self, call: Callable[[Salesforce], T]) -> T:
        """Return the result of a simple-salesforce call, made with the same session, gates and errors."""
        with suppress(requests.JSONDecodeError, RecursionError):
            return self._with_session(lambda session: call(self._client(session)))
        # Not chained: the library's error holds the whole answer.
        raise SalesforceUnavailableError(UNREADABLE)

    def _client(self, session: Session) -> Salesforce:
        return Salesforce(
            session_id=session.session_id,
            instance_url=session.instance_url,
            session=self._transport,
            version=self._version_of(session),
            object_pairs_hook=dict,
        )

    def _with_session(self, action: Callable[[Session], T]) -> T:
        """Run the action; when its session has expired, repeat it with a newer kept one or after exactly one login.

        What is kept of the org may be out of date: at a first contradiction its address or its version is asked anew.
        """
        session, is_fresh = (self._session, False) if self._session else self._renew(None)
        while True:
            try:
                result = action(session)
            except SessionExpiredError:
                if is_fresh:
                    break
            except (AddressMovedError, UnreachableError):
                if is_fresh or self._has_doubted_address or self._answered == session:
                    raise
                self._has_doubted_address = True
            except (UnknownObjectError, ApiVersionError):
                if self._has_doubted_version or not (newer := self._with_other_version(session)):
                    raise
                session = newer
                continue
            else:
                self._answered = session
                return result
            session, is_fresh = self._renew(session)
        raise AuthenticationError(
            "Salesforce refuses the session that it has just given; check in Salesforce whether sessions are "
            "locked to an IP address, and that the address is the My Domain's."
        )

    def _renew(self, expired: Session | None) -> tuple[Session, bool]:
        """Return a session other than the expired one, and whether it is from a login just now."""
        if kept := self._take_kept(expired):
            return kept, False
        with self._store.exclusive():
            # Another process may have logged in while this one waited for the lock.
            if kept := self._take_kept(expired):
                return kept, False
            return self._log_in_and_keep(), True

    def _log_in_and_keep(self) -> Session:
        session = self._log_in()
        self._store.save(session)
        self._accept(session)
        self._transport.belongs_to(session.instance_url)
        self._session, self._has_doubted_version = session, False
        return session

    def _with_other_version(self, session: Session) -> Session | None:
        """Ask the org which versions of the API it has; returns the session with another one than it had, if so."""
        self._has_doubted_version = True
        version = common_version(self._transport, session.instance_url, self._newest_version)
        if not version or version == self._version_of(session):
            return None
        self._session = session = replace(session, api_version=version)
        self._store.save(session)
        return session

    def _version_of(self, session: Session) -> str:
        known = session.api_version
        return min(known, self._newest_version, key=float) if known else self._newest_version

    def _log_in(self) -> Session:
        """Log in, unless Salesforce has just refused these very credentials."""
        before = self._store.refused()
        if before is not None and (waits := before.stops(self._login, self._transport.now())):
            raise waits
        try:
            session = self._login.log_in(self._transport)
        except AuthenticationError as error:
            if refused := refused_again(before, self._login, error, self._transport.now()):
                self._store.note_refused(refused)
            raise
        if before is not None:
            self._store.note_refused(None)
        return session

    def _take_kept(self, expired: Session | None) -> Session | None:
        kept = self._store.load()
        if kept is None or not self._is_ours(kept) or (expired is not None and kept.session_id == expired.session_id):
            return None
        self._accept(kept)
        self._session = kept
        self._transport.belongs_to(kept.instance_url)
        return kept

    def _is_ours(self, kept: Session) -> bool:
        return kept.fingerprint == self._login.fingerprint

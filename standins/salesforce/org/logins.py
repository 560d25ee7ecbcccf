"""Logins and sessions."""

import hashlib
import hmac
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from standins.salesforce.errors import SalesforceError, session_expired
from standins.salesforce.org.settings import OrgSettings

_HOUR = timedelta(hours=1)
_NOT_RESET = "Destination URL not reset. The URL returned from login must be set"


class LoginRefused(Exception):
    """A login that the org refuses, with Salesforce's exception code and message."""

    def __init__(self, code: str, message: str) -> None:
        """Keep both parts: SOAP and OAuth word them differently."""
        super().__init__(message)
        self.code = code
        self.message = message


class Logins:
    """The org's sessions, and the limits on getting one."""

    def __init__(self, settings: OrgSettings, organization_id: str, clock: Callable[[], datetime]) -> None:
        """Start without a session."""
        self._settings = settings
        self._organization_id = organization_id
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, datetime] = {}
        self._left: set[str] = set()
        self._attempts: deque[datetime] = deque()
        self._failures = 0
        self._made = 0

    def with_password(self, username: str, secret: str) -> str:
        """Return a session id for a password with the token behind it; raise LoginRefused."""
        wanted = self._settings.password + self._settings.security_token
        self._count_attempt()
        self._check_org()
        if self._failures >= self._settings.lockout_after:
            raise LoginRefused("PASSWORD_LOCKOUT", "Your password has been locked because of too many failed logins.")
        known = username.lower() == self._settings.username.lower()
        if known and hmac.compare_digest(secret.encode(), wanted.encode()):
            return self._open()
        if known and hmac.compare_digest(secret.encode(), self._settings.password.encode()):
            raise LoginRefused(
                "LOGIN_MUST_USE_SECURITY_TOKEN",
                "Invalid username, password, security token; or user locked out. Are you at a new location? When "
                "accessing Salesforce--either via a desktop client or the API--from outside of your company's trusted "
                "networks, you must add a security token to your password to log in.",
            )
        self._failures += 1
        raise LoginRefused("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")

    def with_app(self) -> str:
        """Return a session id for an app with valid credentials; raise LoginRefused."""
        self._count_attempt()
        self._check_org()
        return self._open()

    def check(self, session_id: str | None) -> None:
        """Keep a session alive; raise SalesforceError INVALID_SESSION_ID when there is none."""
        now = self._clock()
        with self._lock:
            if session_id in self._left:
                raise SalesforceError(400, "URL_NOT_RESET", _NOT_RESET)
            if session_id is None or self._sessions.get(session_id, now) <= now:
                raise session_expired()
            self._sessions[session_id] = now + self._settings.session_lifetime

    def move_instance(self) -> None:
        """Let the org be on another instance: sessions of before are answered there as at a foreign address."""
        with self._lock:
            self._left |= self._sessions.keys()

    def expire_all(self) -> None:
        """End every session, as an administrator can."""
        with self._lock:
            self._sessions.clear()

    def _count_attempt(self) -> None:
        now = self._clock()
        with self._lock:
            while self._attempts and self._attempts[0] <= now - _HOUR:
                self._attempts.popleft()
            if len(self._attempts) >= self._settings.logins_per_hour:
                raise LoginRefused("LOGIN_RATE_EXCEEDED", "Login rate exceeded. Wait an hour and try again.")
            self._attempts.append(now)

    def _check_org(self) -> None:
        if self._settings.api_disabled:
            raise LoginRefused("API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner")
        if not self._settings.may_use_any_api_auth:
            raise LoginRefused("INSUFFICIENT_ACCESS", "The user lacks the permission: Use Any API Auth")

    def _open(self) -> str:
        with self._lock:
            self._failures = 0
            self._made += 1
            mark = hashlib.sha256(f"{self._organization_id} {self._made} {self._clock()}".encode()).hexdigest()
            session_id = f"{self._organization_id[:15]}!AQ{mark}"
            self._sessions[session_id] = self._clock() + self._settings.session_lifetime
        return session_id

"""The three ways to log in, each of which gives a `Session`; simple-salesforce does the talking.

Every login counts towards Salesforce's 3600 logins per user and hour, so a session is kept and shared.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

import requests
from jwt.exceptions import PyJWTError
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import SalesforceLogin

from crm_sync.errors import ConfigurationError, SalesforceUnavailableError
from crm_sync.salesforce.http.endpoints import is_my_domain, login_host
from crm_sync.salesforce.http.transport import Transport

# SOAP login() is absent from 65.0 on and works up to 64.0 until Summer '27.
SOAP_LOGIN_VERSION = "64.0"


@dataclass(frozen=True)
class Session:
    """A live session: its secret id, the org's address, and whose it is."""

    session_id: str = field(repr=False)
    instance_url: str
    user: str = field(repr=False)
    login_host: str


class Login(Protocol):
    """A way to get a session."""

    @property
    def host(self) -> str:
        """The host that gives the session."""
        ...

    @property
    def user(self) -> str:
        """Who logs in: with `host`, it tells whether a kept session is this one's."""
        ...

    @property
    def fingerprint(self) -> str:
        """What tells these credentials from changed ones, without showing them."""
        ...

    def log_in(self, transport: Transport) -> Session:
        """Return a new session; raises AuthenticationError, LoginLimitError, SalesforceUnavailableError."""
        ...


@dataclass(frozen=True)
class UserPasswordLogin:
    """Username, password and security token over SOAP login(); Salesforce ends it in Summer '27."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    sandbox: bool = False
    my_domain: str | None = None

    @property
    def host(self) -> str:
        """The login host of the org."""
        return login_host(self.my_domain, sandbox=self.sandbox)

    @property
    def user(self) -> str:
        """The username."""
        return self.username

    @property
    def fingerprint(self) -> str:
        """A digest of host, username, password and token."""
        return _digest(self.host, self.username, self.password, self.security_token)

    def log_in(self, transport: Transport) -> Session:
        """Log in over SOAP, always with version 64.0 whatever version is read with later."""
        return _log_in(
            self,
            transport,
            username=self.username,
            password=self.password,
            # The library escapes the password and not the token.
            security_token=escape(self.security_token),
            sf_version=SOAP_LOGIN_VERSION,
            domain=self.host.removesuffix(".salesforce.com"),
        )


@dataclass(frozen=True)
class ClientCredentialsLogin:
    """An app's key and secret; Salesforce runs as the app's run-as user and asks for the My Domain host."""

    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    my_domain: str

    @property
    def host(self) -> str:
        """The My Domain host; raises ConfigurationError when there is none."""
        host = login_host(self.my_domain, sandbox=False)
        if not is_my_domain(host):
            raise ConfigurationError(
                "Client credentials need the My Domain address; enter it in the Salesforce credentials block."
            )
        return host

    @property
    def user(self) -> str:
        """The consumer key, since the run-as user is only known to Salesforce."""
        return self.consumer_key

    @property
    def fingerprint(self) -> str:
        """A digest of host, key and secret."""
        return _digest(self.host, self.consumer_key, self.consumer_secret)

    def log_in(self, transport: Transport) -> Session:
        """Ask for a token; there is no refresh token, a new one is asked for in the same way."""
        return _log_in(
            self,
            transport,
            consumer_key=self.consumer_key,
            consumer_secret=self.consumer_secret,
            domain=self.host.removesuffix(".salesforce.com"),
        )


@dataclass(frozen=True)
class JwtLogin:
    """A request signed with the private key of the app's certificate, in the name of a user."""

    username: str = field(repr=False)
    consumer_key: str = field(repr=False)
    private_key: str = field(repr=False)
    sandbox: bool = False
    my_domain: str | None = None

    @property
    def host(self) -> str:
        """The host that gives the token."""
        return login_host(self.my_domain, sandbox=self.sandbox)

    @property
    def user(self) -> str:
        """The username."""
        return self.username

    @property
    def fingerprint(self) -> str:
        """A digest of host, username and keys."""
        return _digest(self.host, self.username, self.consumer_key, self.private_key)

    def log_in(self, transport: Transport) -> Session:
        """Sign and ask for a token; the audience is the login or test host, also with a My Domain."""
        is_sandbox = self.sandbox or ".sandbox." in self.host or self.host.startswith("test.")
        try:
            return _log_in(
                self,
                transport,
                username=self.username,
                consumer_key=self.consumer_key,
                privatekey=self.private_key,
                domain="test" if is_sandbox else "login",
                instance_url=self.host.removesuffix(".salesforce.com"),
            )
        except (ValueError, TypeError, PyJWTError):
            raise ConfigurationError(
                "The private key cannot be read; save the whole RSA key in PEM form, with its BEGIN and END "
                "lines, in the Salesforce credentials block."
            ) from None


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()


def _log_in(login: Login, transport: Transport, **arguments: Any) -> Session:
    answer: tuple[str | None, str | None] = (None, None)
    try:
        answer = SalesforceLogin(session=transport, **arguments)
    except (SalesforceAuthenticationFailed, ExpatError, AttributeError, requests.JSONDecodeError):
        # Refusals were raised by the transport; what is left is a success that does not read like one.
        answer = (None, None)
    session_id, instance = answer
    if not session_id or not instance:
        raise SalesforceUnavailableError("Salesforce's answer to the login was not readable; it can be tried again.")
    # The library cuts "-api" out of what SOAP says; a My Domain is the instance's host too, and may hold that.
    is_cut = "-api" in login.host and isinstance(login, UserPasswordLogin)
    host = login.host if is_cut else instance.rstrip("/")
    return Session(session_id=session_id, instance_url=f"https://{host}", user=login.user, login_host=login.host)

"""The three ways to log in, each of which gives a `Session`; simple-salesforce sends the requests.

Every login counts towards Salesforce's 3,600 logins per user and hour, so a session is kept and shared.
"""

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

import requests
from jwt.exceptions import PyJWTError
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import SalesforceLogin

from crm_sync.errors import AuthenticationError, ConfigurationError, SalesforceUnavailableError
from crm_sync.salesforce.http.endpoints import is_my_domain, login_host
from crm_sync.salesforce.http.transport import Transport
from crm_sync.salesforce.limits import SOAP_LOGIN_VERSION
from crm_sync.salesforce.login.organisation import LoginAnswer, organisation_of


@dataclass(frozen=True)
class Session:
    """A live session: its secret id, the org's address, and the fingerprint of the login that gave it."""

    session_id: str = field(repr=False)
    instance_url: str
    user: str = field(repr=False)
    fingerprint: str = field(repr=False)
    # The newest version of the API that the org has, where it is not as far as this program.
    api_version: str = ""
    # Of the org; the name is known after a login with a password only.
    organisation_id: str = ""
    organisation_name: str = ""


class Login(ABC):
    """A way to get a session: dataclasses whose secret fields are those left out of their `repr`."""

    my_domain: str | None = None
    sandbox: bool = False

    @property
    def host(self) -> str:
        """The host that gives the session."""
        return login_host(self.my_domain, sandbox=self.sandbox)

    @property
    @abstractmethod
    def user(self) -> str:
        """Who logs in."""

    @property
    def fingerprint(self) -> str:
        """A digest of host and credentials, so that changed ones are known without showing either."""
        secrets = (getattr(self, secret.name) for secret in fields(self) if not secret.repr)  # type: ignore[arg-type]
        return sha256("\0".join((self.host, *secrets)).encode()).hexdigest()

    @abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """Return what simple-salesforce asks for."""

    def log_in(self, transport: Transport) -> Session:
        """Return a new session; raises AuthenticationError, LoginLimitError, SalesforceUnavailableError."""
        session_id, instance, answer = None, None, LoginAnswer(transport)
        # The transport has raised every refusal; what is left is a success that does not read like one.
        with suppress(SalesforceAuthenticationFailed, ExpatError, AttributeError, requests.JSONDecodeError):
            session_id, instance = SalesforceLogin(
                session=answer,  # type: ignore[arg-type]  # of a session, the library only posts
                **self._arguments(),
            )
        if not session_id or not instance:
            raise SalesforceUnavailableError("Salesforce's answer to the login is not readable; it can be tried again.")
        host = self._instance_host(instance.rstrip("/"))
        if not transport.may_lead_to(host):
            raise AuthenticationError(
                "The answer to the login leads to a host that is not Salesforce's, so nothing was sent there; see what "
                "proxy or name server stands between this machine and Salesforce."
            )
        return Session(
            session_id=session_id,
            instance_url=f"https://{host}",
            user=self.user,
            fingerprint=self.fingerprint,
            organisation_id=answer.organisation_id or organisation_of(session_id),
            organisation_name=answer.organisation_name,
        )

    def _instance_host(self, answered: str) -> str:
        return answered


@dataclass(frozen=True)
class UserPasswordLogin(Login):
    """Username, password and security token over SOAP login(); Salesforce ends it in Summer '27."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    sandbox: bool = False
    my_domain: str | None = None

    @property
    def user(self) -> str:
        """The username."""
        return self.username

    def _arguments(self) -> dict[str, Any]:
        return {
            "username": self.username,
            "password": self.password,
            # The library escapes the password and not the token.
            "security_token": escape(self.security_token),
            # Whatever version is used after the login.
            "sf_version": SOAP_LOGIN_VERSION,
            "domain": self.host.removesuffix(".salesforce.com"),
        }

    def _instance_host(self, answered: str) -> str:
        # The library cuts "-api" out of the address; a My Domain is the instance's host too, and may contain it.
        return self.host if "-api" in self.host else answered


@dataclass(frozen=True)
class ClientCredentialsLogin(Login):
    """An app's key and secret; Salesforce runs as the app's run-as user, takes only the My Domain host, and gives no
    refresh token."""

    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    my_domain: str

    @property
    def host(self) -> str:
        """The My Domain host; raises ConfigurationError when there is none."""
        host = super().host
        if not is_my_domain(host):
            raise ConfigurationError(
                "Client credentials need the My Domain address; enter it in the Salesforce credentials block."
            )
        return host

    @property
    def user(self) -> str:
        """The consumer key, since only Salesforce knows the run-as user."""
        return self.consumer_key

    def _arguments(self) -> dict[str, Any]:
        return {
            "consumer_key": self.consumer_key,
            "consumer_secret": self.consumer_secret,
            "domain": self.host.removesuffix(".salesforce.com"),
        }


@dataclass(frozen=True)
class JwtLogin(Login):
    """A request in the name of a user, signed with the private key of the app's certificate."""

    username: str = field(repr=False)
    consumer_key: str = field(repr=False)
    private_key: str = field(repr=False)
    sandbox: bool = False
    my_domain: str | None = None

    @property
    def user(self) -> str:
        """The username."""
        return self.username

    def log_in(self, transport: Transport) -> Session:
        """Return a new session; raises ConfigurationError when the private key cannot be read."""
        try:
            return super().log_in(transport)
        except (ValueError, TypeError, PyJWTError):
            raise ConfigurationError(
                "The private key cannot be read; save the whole RSA key in PEM form, with its BEGIN and END "
                "lines, in the Salesforce credentials block."
            ) from None

    def _arguments(self) -> dict[str, Any]:
        is_sandbox = self.sandbox or ".sandbox." in self.host or self.host.startswith("test.")
        return {
            "username": self.username,
            "consumer_key": self.consumer_key,
            "privatekey": self.private_key,
            # The audience is the login or test host, with a My Domain too.
            "domain": "test" if is_sandbox else "login",
            "instance_url": self.host.removesuffix(".salesforce.com"),
        }

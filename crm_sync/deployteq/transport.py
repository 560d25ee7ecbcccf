"""The one session through which every call to Deployteq goes: gates, time-outs, and errors without addresses."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.cookies import RequestsCookieJar

from crm_sync.deployteq.limits import LARGEST_ANSWER
from crm_sync.errors import ConfigurationError, DeployteqUnavailableError
from crm_sync.http.loopback import loopback_endpoint
from crm_sync.http.whole_answer import DeadlineAdapter, read_whole, watch
from crm_sync.requests import RequestKind

USER_AGENT = "deployteq-salesforce"
_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
_REFUSED_USER = {requests.codes.unauthorized, requests.codes.forbidden}
_FAULT, _TOO_MANY = requests.codes.internal_server_error, requests.codes.too_many_requests
# Seconds.
LONGEST_CONNECT, LONGEST_ANSWER = 10.0, 120.0
# The codes of a call that was not answered in time, and of an answer that had no end in sight.
TIMED_OUT, TOO_LARGE = requests.ReadTimeout.__name__, "TooLarge"
# How often a call that came too soon is sent again, and how long it waits where Deployteq does not say.
_PATIENCE, _WHILE, _LONGEST_WHILE = 4, 10.0, 300.0


class CallLedger(Protocol):
    """The shared record of calls, which refuses them while Deployteq is down."""

    def reserve(self, kind: str, at: datetime) -> int:
        """Enter a call that is about to be sent and return its id."""
        ...

    def complete(self, request_id: int, status: int) -> None:
        """Record the outcome; `status` is 0 when no readable answer came."""
        ...


@dataclass(frozen=True)
class Reply:
    """The body of an answer, and the moment by Deployteq's clock."""

    body: bytes
    at: datetime


class Transport:
    """Sends a call after both gates, counts it whatever its outcome, and raises only our errors."""

    def __init__(
        self,
        address: str,
        *,
        throttle: Callable[[], None],
        ledger: CallLedger,
        clock: Callable[[], datetime],
        endpoint_url: str = "",
        longest_connect: float = LONGEST_CONNECT,
        longest_answer: float = LONGEST_ANSWER,
        slow_down: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Keep the gates; `endpoint_url` may only name this machine.

        `longest_connect`, `longest_answer`: in seconds. `slow_down`: called with the seconds that Deployteq wants to be
        left alone.
        """
        self._slow_down = slow_down
        self._address = _aimed(address, endpoint_url)
        self._throttle = throttle
        self._ledger = ledger
        self._clock = clock
        self._timeouts = (longest_connect, longest_answer)
        self._adapter = DeadlineAdapter()
        self._session = requests.Session()
        self._session.mount("https://", self._adapter)
        self._session.mount("http://", self._adapter)
        self._session.auth = _no_authorization
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.cookies = RequestsCookieJar(DefaultCookiePolicy(allowed_domains=[]))
        if endpoint_url:
            self._session.trust_env = False

    def send(self, kind: RequestKind, body: bytes) -> Reply:
        """Send one call and return its answer, which may be a fault; raises our errors only.

        One that Deployteq did not take, for it came too soon, is sent again after a while.
        """
        response = self._once(kind, body)
        for _ in range(_PATIENCE):
            if not _came_too_soon(response):
                break
            self._slow_down(_while_of(response))
            response = self._once(kind, body)
        if response.status_code in _REFUSED_USER:
            raise token_refused(str(response.status_code))
        if not _is_soap(response):
            raise _unavailable(f"HTTP {response.status_code}")
        return Reply(response.content, _date_of(response, self._clock()))

    def _once(self, kind: RequestKind, body: bytes) -> requests.Response:
        self._throttle()
        number = self._ledger.reserve(kind, self._clock())
        status, failure, response, is_untrusted = 0, "", None, False
        deadline = self._adapter.start_deadline(sum(self._timeouts))
        try:
            answer = self._session.post(
                self._address,
                data=body,
                headers=_HEADERS,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            )
            watch(answer, deadline, LARGEST_ANSWER, lambda _: _unavailable(TOO_LARGE))
            read_whole(answer, deadline)
            response = answer
            # One that came too soon was answered all the same: Deployteq is not down.
            status = response.status_code if _is_soap(response) or response.status_code == _TOO_MANY else 0
        except requests.RequestException as error:
            failure = TIMED_OUT if deadline.is_over else type(error).__name__
            is_untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        finally:
            deadline.cancel()
            self._ledger.complete(number, status)
        if is_untrusted:
            raise ConfigurationError(
                "This machine does not trust the certificate of the Deployteq address; if a proxy inspects the "
                "traffic, name its CA file in the environment variable REQUESTS_CA_BUNDLE."
            )
        # Not raised in the except block: there, the new error would keep the old one, and with it the call.
        if response is None:
            raise _unavailable(failure)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def token_refused(code: str) -> ConfigurationError:
    """Return the error of a token that Deployteq does not take."""
    return ConfigurationError(
        f"Deployteq does not take the API token of the block 'Deployteq account' ({code}); check that it is of this "
        "portal and brand, and that its user is active: Deployteq ends a user after 60 days without activity.",
        code=code,
    )


def _unavailable(reason: str) -> DeployteqUnavailableError:
    return DeployteqUnavailableError(
        f"Deployteq gave no complete answer ({reason}); the call can be tried again.", code=reason
    )


def _aimed(address: str, endpoint_url: str) -> str:
    target = urlsplit(address)
    if endpoint_url:
        scheme, host = loopback_endpoint(endpoint_url)
        return urlunsplit(target._replace(scheme=scheme, netloc=host))
    if target.scheme != "https":
        raise ConfigurationError("Deployteq is only called over https; correct the portal host.")
    return address


def _is_soap(response: requests.Response) -> bool:
    """Tell whether it is an answer of the interface: a result, or a fault in a 500."""
    is_xml = "xml" in response.headers.get("Content-Type", "").lower()
    return is_xml and response.status_code in {requests.codes.ok, _FAULT}


def _came_too_soon(response: requests.Response) -> bool:
    """Tell whether Deployteq wants to be left alone for a while: it says so, or for how long."""
    is_busy = response.status_code == requests.codes.service_unavailable and "Retry-After" in response.headers
    return is_busy or response.status_code == _TOO_MANY


def _while_of(response: requests.Response) -> float:
    wanted = response.headers.get("Retry-After", "")
    return min(float(wanted), _LONGEST_WHILE) if wanted.isdecimal() else _WHILE


def _date_of(response: requests.Response, now: datetime) -> datetime:
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return now


def _no_authorization(request: Any) -> Any:
    return request

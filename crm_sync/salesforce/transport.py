"""The one `requests.Session` through which every request to Salesforce goes, those of simple-salesforce too."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar

from crm_sync.errors import ConfigurationError, SalesforceUnavailableError
from crm_sync.salesforce.error_codes import error_for

USER_AGENT = "deployteq-salesforce"


class RequestKind(StrEnum):
    """What a request is for; the pace and the ledger count by it."""

    LOGIN = "login"
    DESCRIBE = "describe"
    LIMITS = "limits"
    QUERY = "query"
    BULK_JOB = "bulk_job"
    BULK_POLL = "bulk_poll"
    BULK_RESULTS = "bulk_results"
    WRITE = "write"
    OTHER = "other"


@dataclass(frozen=True)
class ApiUsage:
    """Requests used and allowed in the org's rolling 24 hours, as Salesforce last said (approximate)."""

    used: int
    allowed: int


class RequestLedger(Protocol):
    """The shared count of requests, which refuses the one too many."""

    def reserve(self, kind: str, at: datetime) -> int:
        """Note a request about to be sent and return its id; raises LimitReachedError."""

    def settle(self, request_id: int, status: int, usage: ApiUsage | None) -> None:
        """Note how it ended; `status` is 0 when no answer came."""


class Transport(requests.Session):
    """Sends a request only after both gates, counts it whatever becomes of it, and raises only our errors."""

    def __init__(
        self,
        *,
        throttle: Callable[[RequestKind], None],
        ledger: RequestLedger,
        clock: Callable[[], datetime],
        endpoint_url: str | None = None,
        connect_timeout: float = 10.0,
        read_timeout: float = 120.0,
    ) -> None:
        """Keep the gates; timeouts are in seconds, `endpoint_url` may only name this machine."""
        super().__init__()
        self._throttle = throttle
        self._ledger = ledger
        self._clock = clock
        self._endpoint = loopback_endpoint(endpoint_url) if endpoint_url else None
        self._timeout = (connect_timeout, read_timeout)
        # The task is the only layer that retries.
        self.mount("https://", HTTPAdapter(max_retries=0))
        self.mount("http://", HTTPAdapter(max_retries=0))
        # An entry for the host in ~/.netrc would otherwise replace the Authorization header.
        self.auth = _keep_authorization
        self.headers["User-Agent"] = USER_AGENT
        self.cookies = RequestsCookieJar(DefaultCookiePolicy(allowed_domains=[]))

    def now(self) -> datetime:
        """Return the time by the clock that the ledger is kept by."""
        return self._clock()

    def call(
        self,
        kind: RequestKind,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send one request of a stated kind and return its answer; raises our errors only."""
        request = requests.Request(method, url, headers=headers, params=params, json=json)
        prepared = self.prepare_request(request)
        settings = self.merge_environment_settings(prepared.url or "", {}, stream, None, None)
        return self.send(prepared, kind=kind, **settings)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Aim the request at the endpoint override, or insist on https."""
        target = urlsplit(str(request.url))
        if self._endpoint is not None:
            request.url = urlunsplit(target._replace(scheme=self._endpoint[0], netloc=self._endpoint[1]))
        elif target.scheme != "https":
            raise ConfigurationError(
                "Salesforce is only called over https; correct the Salesforce address in the credentials."
            )
        return super().prepare_request(request)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Take proxies and CA bundle from the environment, and no proxy on the way to this machine."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if self._endpoint is not None:
            settings["proxies"] = {}
        return settings

    def send(
        self, request: requests.PreparedRequest, *, kind: RequestKind | None = None, **kwargs: Any
    ) -> requests.Response:
        """Pass the gates, send once without following redirects, settle the count, raise what went wrong."""
        if kind is None:
            kind = kind_of(request.method or "", request.path_url)
        kwargs["allow_redirects"] = False
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout
        if kwargs.get("verify") is False:
            kwargs["verify"] = True
        self._throttle(kind)
        request_id = self._ledger.reserve(kind, self._clock())
        response, status, usage = None, 0, None
        try:
            response = super().send(request, **kwargs)
            status, usage = response.status_code, read_api_usage(response.headers)
        except requests.RequestException as error:
            failure = type(error).__name__
        finally:
            self._ledger.settle(request_id, status, usage)
        # Raised here and not in the except block: there, the new error would hold the old one, and that one
        # holds the URL with the query.
        if response is None:
            raise SalesforceUnavailableError(
                f"Salesforce gave no complete answer ({failure}); the request can be tried again.",
                code=failure,
            )
        _raise_for(response, kind, self._clock())
        return response


def _raise_for(response: requests.Response, kind: RequestKind, now: datetime) -> None:
    is_html = "html" in response.headers.get("Content-Type", "").lower()
    if response.status_code < requests.codes.multiple_choices and not is_html:
        return
    try:
        body = response.content
    except requests.RequestException:
        body = b""
    raise error_for(response.status_code, body, kind=kind, now=now)


def _keep_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


_USAGE = re.compile(r"(?:^|[;,\s])api-usage=(\d+)/(\d+)")


def read_api_usage(headers: Mapping[str, str]) -> ApiUsage | None:
    """Read `api-usage=used/allowed` from Sforce-Limit-Info, which may carry further parts, or return None.

    Rule: REST API guide, "Limit Info header".
    """
    found = _USAGE.search(headers.get("Sforce-Limit-Info", ""))
    return ApiUsage(used=int(found[1]), allowed=int(found[2])) if found else None


def server_time(response: requests.Response) -> datetime:
    """Return Salesforce's own clock from the Date header; raises SalesforceUnavailableError without one."""
    try:
        return parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        raise SalesforceUnavailableError(
            "Salesforce answered without saying its time; the request can be tried again."
        ) from None


def loopback_endpoint(endpoint_url: str) -> tuple[str, str]:
    """Return scheme and host:port of an endpoint override; raises ConfigurationError unless it is loopback."""
    refusal = ConfigurationError(
        "The endpoint URL may only name this machine, like http://127.0.0.1:8080; leave it empty for Salesforce."
    )
    try:
        parts = urlsplit(endpoint_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refusal from None
    has_more = parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in {"http", "https"} or has_more or not _is_loopback(host):
        raise refusal
    shown = f"[{host}]" if ":" in host else host
    return parts.scheme, f"{shown}:{port}" if port else shown


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_KINDS = (
    (re.compile(r"/services/(Soap/u/|oauth2/token)"), RequestKind.LOGIN),
    (re.compile(r"/describe\b|/sobjects/?($|\?)"), RequestKind.DESCRIBE),
    (re.compile(r"/limits\b"), RequestKind.LIMITS),
    (re.compile(r"/query(All)?\b"), RequestKind.QUERY),
)


def kind_of(method: str, path: str) -> RequestKind:
    """Tell the kind of a request that simple-salesforce sends, which states none."""
    for pattern, kind in _KINDS:
        if pattern.search(path.partition("?")[0]):
            return kind
    return RequestKind.OTHER if method == "GET" else RequestKind.WRITE

"""The one `requests.Session` through which every request goes, those of simple-salesforce too."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol, TypedDict, Unpack
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.cookies import RequestsCookieJar
from requests.exceptions import InvalidSchema, InvalidURL, ProxyError
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

from crm_sync.errors import (
    AddressMovedError,
    AnswerTooLargeError,
    ConfigurationError,
    LimitReachedError,
    SalesforceUnavailableError,
    SyncError,
    UnreachableError,
)
from crm_sync.http.loopback import loopback_endpoint
from crm_sync.http.whole_answer import Deadline, DeadlineAdapter, read_whole, watch
from crm_sync.requests import ApiUsage, RequestKind
from crm_sync.salesforce.errors.error_codes import error_for
from crm_sync.salesforce.http.endpoints import is_salesforce_host
from crm_sync.salesforce.http.limit_info import read_api_usage, read_server_time
from crm_sync.salesforce.http.request_kinds import kind_of, makes_job
from crm_sync.salesforce.limits import (
    LARGEST_ANSWER,
    LARGEST_PAGE,
    PAGE_DEADLINE,
    READ_DEADLINE,
    SLOWEST_LINE,
    WRITE_DEADLINE,
)

USER_AGENT = "deployteq-salesforce"
# OpenSSL's words, and urllib3's.
_NAMES_ANOTHER_HOST = re.compile(
    r"hostname mismatch|certificate is not valid for|hostname .* doesn't match", re.IGNORECASE
)
_DEADLINES = {RequestKind.WRITE: WRITE_DEADLINE}


class RequestLedger(Protocol):
    """The shared count of requests, which refuses those beyond the budget."""

    def reserve(self, kind: str, at: datetime) -> int:
        """Count a request that is about to be sent and return its id; raises LimitReachedError."""
        ...

    def complete(self, request_id: int, status: int, usage: ApiUsage | None) -> None:
        """Record the request's outcome; `status` is 0 when no answer came."""
        ...

    def limit_reached(self, kind: str, error: LimitReachedError, at: datetime) -> None:
        """Stop all requests for a while: Salesforce has reached a limit."""
        ...

    def identify(self, host: str) -> None:
        """Set the org, by the host of a session."""
        ...


class Content(TypedDict, total=False):
    """What a request carries beside its address, each named as `requests` names it."""

    headers: Mapping[str, str]
    params: Mapping[str, str]
    json: Any
    data: bytes
    files: Mapping[str, Any]


class Transport(requests.Session):
    """Sends a request after both gates, counts it whatever its outcome, and raises only our errors."""

    def __init__(
        self,
        *,
        throttle: Callable[[], None],
        ledger: RequestLedger,
        clock: Callable[[], datetime],
        endpoint_url: str | None = None,
        connect_timeout: float = 10.0,
        read_timeout: float = 120.0,
        write_timeout: float = 610.0,
        deadline: float | None = None,
    ) -> None:
        """Keep the gates; timeouts are in seconds, `endpoint_url` may only name this machine.

        `deadline`: until an answer has come whole, and of a page of a Bulk job a good part; by default it depends on
        what the request is for.

        Salesforce works for up to ten minutes on a call (limits quick reference); a write is awaited so long, since a
        repetition would compete with the first attempt for locks.
        """
        super().__init__()
        # Bytes of an answer, and of a page of a Bulk job.
        self.largest_answer, self.largest_page = LARGEST_ANSWER, LARGEST_PAGE
        self._throttle = throttle
        self._ledger = ledger
        self._clock = clock
        self._endpoint = loopback_endpoint(endpoint_url) if endpoint_url else None
        self._timeout = (connect_timeout, read_timeout)
        self._timeout_of_writes = (connect_timeout, write_timeout)
        self._deadline = deadline
        self._adapter = DeadlineAdapter()
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)
        # An entry for the host in ~/.netrc would otherwise replace the Authorization header.
        self.auth = _keep_authorization
        self.headers["User-Agent"] = USER_AGENT
        self.cookies = RequestsCookieJar(DefaultCookiePolicy(allowed_domains=[]))

    def call(
        self,
        kind: RequestKind,
        method: str,
        url: str,
        *,
        stream: bool = False,
        **content: Unpack[Content],
    ) -> requests.Response:
        """Send one request of a stated kind and return its answer; raises our errors only."""
        prepared = self.prepare_request(requests.Request(method, url, **content))
        settings = self.merge_environment_settings(prepared.url or "", {}, stream, None, None)
        return self.send(prepared, kind=kind, **settings)

    def now(self) -> datetime:
        """Return the present moment, by the clock that was passed in."""
        return self._clock()

    def belongs_to(self, instance_url: str) -> None:
        """Count for the org at this address, or for the one behind the endpoint override."""
        self._ledger.identify(self._endpoint[1] if self._endpoint else urlsplit(instance_url).netloc)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Aim the request at the endpoint override, or insist on https."""
        target = urlsplit(str(request.url))
        if self._endpoint is not None:
            scheme, host = self._endpoint
            request.url = urlunsplit(target._replace(scheme=scheme, netloc=host))
        elif target.scheme != "https":
            raise ConfigurationError(
                "Salesforce is only called over https; correct the address in the Salesforce credentials."
            )
        return super().prepare_request(request)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Take proxies and CA bundle from the environment, but no proxy on the way to this machine."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if self._endpoint is not None:
            settings["proxies"] = {}
        return settings

    def may_lead_to(self, host: str) -> bool:
        """Return whether a login's answer may send the session there: to Salesforce, or to a stand-in's own address."""
        return self._endpoint is not None or is_salesforce_host(host)

    def send(
        self, request: requests.PreparedRequest, *, kind: RequestKind | None = None, **settings: Any
    ) -> requests.Response:
        """Pass the gates, send once without following redirects, record the outcome, and raise a refusal."""
        if kind is None:
            kind = kind_of(request.method or "", request.path_url)
        settings["allow_redirects"] = False
        own = self._timeout_of_writes if kind is RequestKind.WRITE else self._timeout
        settings["timeout"] = settings.get("timeout") or own
        settings["verify"] = settings.get("verify") or True
        self._throttle()
        response = self._send_counted(request, kind, settings)
        try:
            _raise_refusal(response, kind, self._clock())
        except LimitReachedError as limit:
            self._ledger.limit_reached(kind, limit, self._clock())
            raise
        return response

    def note_limit(self, kind: RequestKind, limit: LimitReachedError) -> None:
        """Stop all requests for a while: a part of an answer with HTTP status 200 was refused for a limit."""
        self._ledger.limit_reached(kind, limit, self._clock())

    def _send_counted(
        self, request: requests.PreparedRequest, kind: RequestKind, settings: dict[str, Any]
    ) -> requests.Response:
        request_id = self._ledger.reserve(kind, self._clock())
        status, usage, failure = 0, None, None
        # A page of a Bulk job is read by its caller, to a file.
        is_page = bool(settings.get("stream"))
        deadline = self._start_deadline(request, kind, is_page=is_page)
        try:
            response = super().send(request, **settings | {"stream": True})
            is_page = is_page and response.status_code < requests.codes.multiple_choices
            watch(response, deadline, self.largest_page if is_page else self.largest_answer, _too_large)
            if not is_page:
                read_whole(response, deadline)
            status, usage = response.status_code, read_api_usage(response.headers)
        except requests.RequestException as error:
            failure = _failure(requests.ReadTimeout() if deadline.is_over else error)
            deadline.cancel()
        finally:
            self._ledger.complete(request_id, status, usage)
        if failure is None:
            return response
        # Not raised in the except block: there, the new error would keep the old one, and with it the query.
        raise failure

    def _start_deadline(self, request: requests.PreparedRequest, kind: RequestKind, *, is_page: bool) -> Deadline:
        usual = self._deadline or _DEADLINES.get(kind, READ_DEADLINE)
        if is_page:
            return self._adapter.start_deadline(PAGE_DEADLINE, pause=usual)
        return self._adapter.start_deadline(usual + len(request.body or b"") / SLOWEST_LINE)


def _too_large(response: requests.Response) -> AnswerTooLargeError:
    asked_at = None
    with suppress(SalesforceUnavailableError):
        asked_at = read_server_time(response.headers) - response.elapsed
    return AnswerTooLargeError(
        "Salesforce's answer is larger than is taken at once; map fewer fields, above all fewer long texts.",
        asked_at=asked_at,
    )


def _failure(error: requests.RequestException) -> SyncError:
    """Return our error for a request without a complete answer."""
    if _NAMES_ANOTHER_HOST.search(str(error)):
        return AddressMovedError(
            "The Salesforce address answers with the certificate of another host; enter the org's current My Domain "
            "address in the Salesforce credentials."
        )
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ConfigurationError(
            "This machine does not trust the certificate of the Salesforce address; if a proxy inspects "
            "the traffic, name its CA file in the environment variable REQUESTS_CA_BUNDLE."
        )
    if isinstance(error, InvalidURL | InvalidSchema):
        return ConfigurationError(
            "The proxy on the way to Salesforce cannot be used; write the environment variable https_proxy as "
            "http://host:port."
        )
    if isinstance(error, ProxyError):
        return SalesforceUnavailableError(
            "The proxy on the way to Salesforce, which the environment variable https_proxy names, does not answer or "
            "refuses; the request can be tried again.",
            code="ProxyError",
        )
    cause = getattr(error.args[0], "reason", None) if error.args else None
    found_nobody = isinstance(cause, (NewConnectionError, ConnectTimeoutError, SSLError))
    name = type(error).__name__
    kind = UnreachableError if found_nobody else SalesforceUnavailableError
    return kind(f"Salesforce gave no complete answer ({name}); the request can be tried again.", code=name)


def _raise_refusal(response: requests.Response, kind: RequestKind, now: datetime) -> None:
    is_page = "html" in response.headers.get("Content-Type", "").lower()
    if response.status_code < requests.codes.multiple_choices and not is_page:
        return
    try:
        body = response.content
    except requests.RequestException:
        body = b""
    has_job = kind.is_bulk and not makes_job(response.request.method or "", response.request.path_url)
    raise error_for(response.status_code, body, kind=kind, now=now, has_job=has_job)


def _keep_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request

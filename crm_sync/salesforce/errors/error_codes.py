"""From Salesforce's HTTP statuses and error codes to our errors: the only place that knows either.

A code alone does not say what to do: REQUEST_LIMIT_EXCEEDED is both the day's allocation and a short wait,
and INSUFFICIENT_ACCESS means another thing at login. So a rule is a code, at times with words of the message.
Sources: the partner WSDL's ExceptionCode list, the REST and Bulk 2.0 guides, and answers seen on the wire.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from crm_sync.errors import (
    AuthenticationError,
    AuthorizationError,
    ConcurrencyLimitError,
    ConfigurationError,
    FatalError,
    JobGoneError,
    LimitReachedError,
    LoginLimitError,
    QueryError,
    RowLockedError,
    SalesforceUnavailableError,
    SessionExpiredError,
    SyncError,
    UnknownFieldError,
)
from crm_sync.requests import RequestKind
from crm_sync.salesforce.errors.login_refusals import login_sentence
from crm_sync.salesforce.query_refusals import query_detail

_LOGIN_WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class Complaint:
    """What Salesforce says went wrong: its code, empty when there is none to read, and its message."""

    code: str
    message: str


@dataclass(frozen=True)
class _Rule:
    codes: str
    error: type[SyncError]
    sentence: str
    says: str = ""

    def matches(self, complaint: Complaint) -> bool:
        """Tell whether this rule is about the complaint."""
        is_listed = not self.codes or complaint.code.upper() in self.codes.split()
        said = f"{complaint.code} {complaint.message}"
        return is_listed and re.search(self.says, said, re.IGNORECASE) is not None


_REFUSED_QUERY = (
    "Salesforce refused the query{detail}; correct the data mapping or its filter, or give the integration user "
    "read access to the object and the field."
)
_TRY_AGAIN = "; the request can be tried again."

# Of the rules, the first that matches counts. The limits come first: at login too, they are no refusal.
_LIMITS = (
    _Rule(
        "",
        LoginLimitError,
        "Salesforce counts more than 3600 logins of the integration user within an hour; log in again in an "
        "hour, and find out which program logs in so often (Setup > Login History).",
        says=r"\blogin.rate",
    ),
    _Rule(
        "REQUEST_LIMIT_EXCEEDED",
        ConcurrencyLimitError,
        "The Salesforce org has too many long-running calls at this moment" + _TRY_AGAIN,
        says="concurrent",
    ),
    _Rule(
        "REQUEST_LIMIT_EXCEEDED LIMIT_EXCEEDED EXCEEDEDQUOTA",
        LimitReachedError,
        "The Salesforce org has used up its requests of the last 24 hours; the next run goes on when "
        "Salesforce takes requests again (Setup > System Overview shows the use).",
    ),
    _Rule(
        "",
        LimitReachedError,
        "The Salesforce org has used up its Bulk API jobs or results of the last 24 hours; the next run "
        "goes on when Salesforce takes jobs again.",
        says=r"max bulk v2 .*per 24 hrs",
    ),
)
_RULES = (
    _Rule(
        "INVALID_SESSION_ID INVALIDSESSIONID INVALID_AUTH_HEADER",
        SessionExpiredError,
        "The Salesforce session has ended; a new login is needed.",
    ),
    _Rule(
        "UNABLE_TO_LOCK_ROW",
        RowLockedError,
        "Another transaction in Salesforce holds the record" + _TRY_AGAIN,
    ),
    _Rule(
        "SERVER_UNAVAILABLE QUERY_TIMEOUT TXN_SECURITY_METERING_ERROR UNKNOWN_EXCEPTION SERVERUNAVAILABLE "
        "REQUEST_RUNNING_TOO_LONG INTERNAL_ERROR TEMPORARILY_UNAVAILABLE",
        SalesforceUnavailableError,
        "Salesforce could not finish the request in time" + _TRY_AGAIN,
    ),
    _Rule(
        "API_CURRENTLY_DISABLED ORG_IN_MAINTENANCE FUNCTIONALITY_TEMPORARILY_UNAVAILABLE SSO_SERVICE_DOWN "
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
        SalesforceUnavailableError,
        "Salesforce is being maintained or has a fault of its own" + _TRY_AGAIN,
    ),
    _Rule(
        "UNKNOWN_ERROR",
        SalesforceUnavailableError,
        "Salesforce asks for another try" + _TRY_AGAIN,
        says="retry your request",
    ),
    _Rule(
        "JOB_NOT_COMPLETE",
        SalesforceUnavailableError,
        "The results of the Bulk job are not ready yet" + _TRY_AGAIN,
    ),
    _Rule(
        "INVALID_QUERY_LOCATOR INVALIDQUERYLOCATOR INVALIDLOCATOR",
        JobGoneError,
        "Salesforce no longer holds the rest of this query's results; the object has to be read again.",
    ),
    _Rule("INVALID_FIELD", UnknownFieldError, _REFUSED_QUERY),
    _Rule(
        "MALFORMED_QUERY INVALID_TYPE INVALIDENTITY INVALID_QUERY_FILTER_OPERATOR "
        "QUERY_TOO_COMPLICATED INVALID_QUERY_SCOPE",
        QueryError,
        _REFUSED_QUERY,
    ),
    _Rule(
        "",
        QueryError,
        "The Bulk API does not read compound fields such as MailingAddress; map their parts, such as "
        "MailingStreet and MailingCity.",
        says="compound data",
    ),
    _Rule(
        "API_DISABLED_FOR_ORG",
        AuthorizationError,
        "The API is not enabled for the Salesforce org or the integration user; enable it in Salesforce "
        "(permission 'API Enabled').",
    ),
    _Rule(
        "INSUFFICIENT_ACCESS INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY "
        "FUNCTIONALITY_NOT_ENABLED FUNCTIONALITYNOTENABLED FEATURENOTENABLED",
        AuthorizationError,
        "The integration user lacks a permission in Salesforce; give it read access to the mapped objects "
        "and fields, and the Bulk API.",
    ),
    _Rule(
        "UNSUPPORTED_API_VERSION INVALIDVERSION",
        ConfigurationError,
        "Salesforce does not offer this API version; choose one that Salesforce still supports.",
    ),
    _Rule(
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
        AuthenticationError,
        "The password of the integration user has expired; set a new one in Salesforce and save it in the "
        "Salesforce credentials block.",
    ),
)

_REDIRECTION = 3
_SPEAKS_FOR_ITSELF = {status for status in HTTPStatus if status // 100 == _REDIRECTION} | {401}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}
_TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_QUERIES = {RequestKind.QUERY, RequestKind.BULK_JOB, RequestKind.DESCRIBE}
_STATUSES: tuple[tuple[set[HTTPStatus], type[SyncError], str], ...] = (
    (
        {HTTPStatus.NOT_FOUND},
        QueryError,
        "Salesforce does not know this address; check the object's name and the API version",
    ),
    (
        {HTTPStatus.UNAUTHORIZED},
        SessionExpiredError,
        "The Salesforce session has ended; a new login is needed",
    ),
    ({HTTPStatus.FORBIDDEN}, AuthorizationError, "The integration user lacks a permission in Salesforce"),
    (
        {HTTPStatus.GONE},
        ConfigurationError,
        "Salesforce does not offer this API version; choose one that Salesforce still supports",
    ),
    (
        {status for status in HTTPStatus if status // 100 == _REDIRECTION},
        ConfigurationError,
        "The Salesforce address answers from elsewhere; enter the org's current My Domain address in the "
        "Salesforce credentials",
    ),
)


def error_for(status: int, body: bytes, *, kind: RequestKind, now: datetime) -> SyncError:
    """Return the error that an answer which is no success stands for; never holds the body.

    Also serves parts of a composite answer, which have a status and a body each.
    """
    complaint = read_complaint(body)
    if (
        not complaint.code
        and body.lstrip().startswith(b"<")
        and status not in _SPEAKS_FOR_ITSELF
        and kind != RequestKind.LOGIN
    ):
        return _unavailable(f"HTTP {status}, a web page")
    if kind.is_bulk and status in _GONE:
        # Here the status says more than the code: 409 is a job made with another API version.
        return JobGoneError(
            "Salesforce no longer knows this Bulk job or its results; the object has to be read again.",
            code=complaint.code or None,
        )
    return limit_for(complaint, now) or _by_code(complaint, kind) or _by_status(status, complaint, kind)


def limit_in(message: str) -> SyncError | None:
    """Return the limit that the reason of a failed Bulk job speaks of, if it does."""
    return limit_for(Complaint(_known_form(message.partition(":")[0].strip()), message), None)


def read_complaint(body: bytes) -> Complaint:
    """Read code and message from a REST list, an OAuth object, a Bulk object or a SOAP fault."""
    text = body.decode("utf-8", errors="replace")
    try:
        parsed: Any = json.loads(text)
    except ValueError:
        # A fault of the Metadata API carries nothing but the plain elements of SOAP.
        fault = _element(text, "exceptionCode") or _element(text, "faultcode").removeprefix("sf:")
        return Complaint(_known_form(fault), _element(text, "exceptionMessage") or _element(text, "faultstring"))
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return Complaint("", "")
    code = parsed.get("errorCode") or parsed.get("exceptionCode") or parsed.get("error")
    message = parsed.get("message") or parsed.get("exceptionMessage") or parsed.get("error_description")
    return Complaint(_known_form(code), str(message or ""))


def _unavailable(code: str) -> SalesforceUnavailableError:
    return SalesforceUnavailableError(f"Salesforce is not answering as it should ({code}){_TRY_AGAIN}", code=code)


def _element(xml: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}>([^<]*)</", xml)
    return found[1].strip() if found else ""


def _known_form(code: object) -> str:
    """Return the code if it looks like one; a stranger's body may hold anything in its place."""
    return code if isinstance(code, str) and re.fullmatch(r"\w{1,80}", code) else ""


def limit_for(complaint: Complaint, now: datetime | None = None) -> SyncError | None:
    """Return the limit that a complaint is about, None when it is about something else."""
    for rule in _LIMITS:
        if rule.matches(complaint):
            error = rule.error(rule.sentence, code=complaint.code or None)
            if now is not None and isinstance(error, LoginLimitError):
                error.until = now + _LOGIN_WINDOW
            return error
    return None


def _by_code(complaint: Complaint, kind: RequestKind) -> SyncError | None:
    code = complaint.code or None
    if kind is RequestKind.LOGIN and (sentence := login_sentence(complaint.code, complaint.message)):
        return AuthenticationError(sentence, code=code)
    for rule in _RULES:
        if rule.matches(complaint):
            return rule.error(rule.sentence.replace("{detail}", query_detail(complaint.message)), code=code)
    return None


def _by_status(status: int, complaint: Complaint, kind: RequestKind) -> SyncError:
    code = complaint.code or f"HTTP {status}"
    is_refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    is_fault = status == HTTPStatus.INTERNAL_SERVER_ERROR and complaint.code  # of SOAP
    if kind is RequestKind.LOGIN and (is_refused or is_fault) and status not in _TRANSIENT:
        return AuthenticationError(
            f"Salesforce refused the login of the integration user ({code}); check the Salesforce credentials block.",
            code=code,
        )
    for statuses, error, sentence in _STATUSES:
        if status in statuses:
            return error(f"{sentence} ({code}).", code=code)
    if not is_refused or status in _TRANSIENT:
        return _unavailable(code)
    if kind in _QUERIES:
        detail = query_detail(complaint.message)
        return QueryError(f"Salesforce refused the query{detail} ({code}); correct the data mapping.", code=code)
    return FatalError(f"Salesforce refused a request of the kind {kind} ({code}).", code=code)

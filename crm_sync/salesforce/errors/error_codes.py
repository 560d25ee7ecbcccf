"""From an answer that is no success to our error: with error_rules, the only place that knows statuses and codes."""

import json
import re
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from crm_sync.errors import (
    AuthenticationError,
    FatalError,
    JobGoneError,
    LoginLimitError,
    QueryError,
    SalesforceUnavailableError,
    SyncError,
    UnreachableError,
)
from crm_sync.requests import RequestKind
from crm_sync.salesforce.errors.error_rules import (
    LIMITS,
    REDIRECTIONS,
    RULES,
    STATUSES,
    TOO_LARGE,
    TRY_AGAIN,
    Complaint,
)
from crm_sync.salesforce.errors.login_refusals import login_sentence
from crm_sync.salesforce.limits import FIELD_PATH

_LOGIN_WINDOW = timedelta(hours=1)
_LONGEST_DETAIL = 200
_EXCERPT = re.compile(r"^.*?(?=ERROR at Row:)", re.DOTALL)
# Names of fields and objects are quoted right after one of these words; any other quoted text is a value.
_NAMED = re.compile(
    r"\b(column|entity|field|sobject|sobject type|object|relationship)\s+"
    rf"'({FIELD_PATH})'",
    re.IGNORECASE | re.ASCII,
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_ADDRESS = re.compile(r"\S+@\S+")
_DECIDED_BY_STATUS = REDIRECTIONS | TOO_LARGE | {HTTPStatus.UNAUTHORIZED}
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}
_TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_QUERIES = {RequestKind.QUERY, RequestKind.BULK_JOB, RequestKind.DESCRIBE}


def error_for(status: int, body: bytes, *, kind: RequestKind, now: datetime, has_job: bool = True) -> SyncError:
    """Return our error for an answer that is no success; never holds the body.

    Also serves parts of a composite answer, which have a status and a body each. `has_job`: a request about a Bulk job
    is about one that was made before.
    """
    complaint = read_complaint(body)
    if (
        not complaint.code
        and body.lstrip().startswith(b"<")
        and status not in _DECIDED_BY_STATUS
        and kind != RequestKind.LOGIN
    ):
        where: type[SalesforceUnavailableError] = (
            UnreachableError if status == HTTPStatus.NOT_FOUND else SalesforceUnavailableError
        )
        return _unavailable(f"HTTP {status}, a web page", where)
    if kind.is_bulk and has_job and status in _GONE:
        # The status decides, not the code: 409 is a job made with another API version.
        return JobGoneError(
            "Salesforce no longer knows this Bulk job or its results; the object has to be read again.",
            code=complaint.code or None,
        )
    return limit_for(complaint, now) or _by_code(complaint, kind) or _by_status(status, complaint, kind)


def limit_in(message: str) -> SyncError | None:
    """Return the limit that ended a Bulk job, by the job's reason; None when it ended for another one."""
    return limit_for(Complaint(_known_form(message.partition(":")[0].strip()), message), None)


def refusal_in(message: str) -> SyncError | None:
    """Return what somebody has to change, where a Bulk job's reason names it in words that are known."""
    named = (rule for rule in RULES if not rule.codes and rule.matches(Complaint("", message)))
    return next((rule.error(rule.sentence) for rule in named), None)


def read_complaint(body: bytes) -> Complaint:
    """Read code and message from a REST list, an OAuth object, a Bulk object, a SOAP fault or a bare code."""
    text = body.decode("utf-8", errors="replace")
    try:
        parsed: Any = json.loads(text)
    except ValueError:
        # A fault of the Metadata API carries nothing but the plain elements of SOAP.
        fault = _element(text, "exceptionCode") or _element(text, "faultcode").removeprefix("sf:") or text.strip()
        return Complaint(_known_form(fault), _element(text, "exceptionMessage") or _element(text, "faultstring"))
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if not isinstance(parsed, dict):
        return Complaint("", "")
    code = parsed.get("errorCode") or parsed.get("exceptionCode") or parsed.get("error")
    message = parsed.get("message") or parsed.get("exceptionMessage") or parsed.get("error_description")
    return Complaint(_known_form(code), str(message or ""))


def _unavailable(
    code: str, error: type[SalesforceUnavailableError] = SalesforceUnavailableError
) -> SalesforceUnavailableError:
    return error(f"Salesforce is not answering as it should ({code}){TRY_AGAIN}", code=code)


def _element(xml: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}>([^<]*)</", xml)
    return found[1].strip() if found else ""


def _known_form(code: object) -> str:
    """Return the code if it looks like one; a body that is not Salesforce's may hold anything in its place."""
    return code if isinstance(code, str) and re.fullmatch(r"\w{1,80}", code) else ""


def limit_for(complaint: Complaint, now: datetime | None = None) -> SyncError | None:
    """Return the error of a limit that was reached, None for any other complaint."""
    for rule in LIMITS:
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
    for rule in RULES:
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
    for statuses, error, sentence in STATUSES:
        if status in statuses:
            return error(f"{sentence} ({code}).", code=code)
    if not is_refused or status in _TRANSIENT:
        return _unavailable(code)
    if kind in _QUERIES:
        detail = query_detail(complaint.message)
        return QueryError(f"Salesforce refused the query{detail} ({code}); correct the data mapping.", code=code)
    return FatalError(f"Salesforce refused a request of the kind {kind} ({code}).", code=code)


def query_detail(message: str) -> str:
    """Return ': ' and the part of the complaint that helps: names and positions, never a filter's value; or nothing.

    Salesforce repeats a piece of the query before "ERROR at Row:"; that piece may start inside a value, so
    all of it is left out. Without such a mark only the last line is kept, for the same reason.
    """
    shown = _EXCERPT.sub("", message) if "ERROR at Row:" in message else message.strip().rpartition("\n")[2]
    shown = _NAMED.sub(r"\1 \2", shown)
    shown = _QUOTED.sub("…", shown)
    shown = re.split(r"['\"]", shown)[0]
    shown = _ADDRESS.sub("…", " ".join(shown.split()))
    return f": {shown[:_LONGEST_DETAIL].rstrip('. ')}" if shown else ""

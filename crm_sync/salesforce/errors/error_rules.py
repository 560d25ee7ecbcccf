"""The tables from Salesforce's error codes and HTTP statuses to our errors.

A code alone does not decide: REQUEST_LIMIT_EXCEEDED is both the day's allocation and a short wait, and
INSUFFICIENT_ACCESS means another thing at login. So a rule is a code, at times with words of the message.
Sources: the partner WSDL's ExceptionCode list, the REST and Bulk 2.0 guides, and answers seen on the wire.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

from crm_sync.errors import (
    AddressMovedError,
    ApiVersionError,
    AuthenticationError,
    AuthorizationError,
    ConcurrencyLimitError,
    JobGoneError,
    LimitReachedError,
    LoginLimitError,
    QueryError,
    RequestTooLargeError,
    RowLockedError,
    SalesforceUnavailableError,
    SessionExpiredError,
    SyncError,
    UnknownFieldError,
    UnknownObjectError,
)
from crm_sync.salesforce.limits import LOGINS_PER_HOUR

TRY_AGAIN = "; the request can be tried again."


@dataclass(frozen=True)
class Complaint:
    """A refusal by Salesforce: its code, empty when there is none to read, and its message."""

    code: str
    message: str


@dataclass(frozen=True)
class Rule:
    codes: str
    error: type[SyncError]
    sentence: str
    says: str = ""

    def matches(self, complaint: Complaint) -> bool:
        """Return whether this rule is about the complaint."""
        is_listed = not self.codes or complaint.code.upper() in self.codes.split()
        text = f"{complaint.code} {complaint.message}"
        return is_listed and re.search(self.says, text, re.IGNORECASE) is not None


_REFUSED_QUERY = (
    "Salesforce refused the query{detail}; correct the data mapping or its filter, or give the integration user "
    "read access to the object and the field."
)

# Of the rules, the first that matches counts. The limits come first: at login too, they are no refusal.
LIMITS = (
    Rule(
        "",
        LoginLimitError,
        f"Salesforce counts more than {LOGINS_PER_HOUR} logins of the integration user within an hour; log in again in "
        "an hour, and find out which program logs in so often (Setup > Login History).",
        says=r"\blogin.rate|^rate_limit_exceeded\b",
    ),
    Rule(
        "REQUEST_LIMIT_EXCEEDED",
        ConcurrencyLimitError,
        "The Salesforce org has too many long-running calls at this moment" + TRY_AGAIN,
        says="concurrent",
    ),
    Rule(
        "REQUEST_LIMIT_EXCEEDED LIMIT_EXCEEDED EXCEEDEDQUOTA",
        LimitReachedError,
        "The Salesforce org has used up its requests of the last 24 hours; the next run goes on when "
        "Salesforce takes requests again (Setup > System Overview shows the use).",
    ),
    Rule(
        "",
        LimitReachedError,
        "The Salesforce org has used up its Bulk API jobs or results of the last 24 hours; the next run "
        "goes on when Salesforce takes jobs again.",
        says=r"max bulk v2 .*per 24 hrs",
    ),
)
RULES = (
    Rule(
        "INVALID_SESSION_ID INVALIDSESSIONID INVALID_AUTH_HEADER BAD_OAUTH_TOKEN MISSING_OAUTH_TOKEN",
        SessionExpiredError,
        "The Salesforce session has ended; a new login is needed.",
    ),
    Rule(
        "",
        AddressMovedError,
        "The Salesforce org is at another address by now; enter its current My Domain address in the Salesforce "
        "credentials.",
        says="destination url not reset",
    ),
    Rule(
        "",
        AuthorizationError,
        "Salesforce cannot work out which of so many records the integration user may see; give the user the "
        "permission 'View All' for the mapped objects.",
        says=r"\bOPERATION_TOO_LARGE\b",
    ),
    Rule(
        "UNABLE_TO_LOCK_ROW",
        RowLockedError,
        "Another transaction in Salesforce holds the record" + TRY_AGAIN,
    ),
    Rule(
        "SERVER_UNAVAILABLE QUERY_TIMEOUT TXN_SECURITY_METERING_ERROR UNKNOWN_EXCEPTION SERVERUNAVAILABLE "
        "REQUEST_RUNNING_TOO_LONG INTERNAL_ERROR TEMPORARILY_UNAVAILABLE",
        SalesforceUnavailableError,
        "Salesforce could not finish the request in time" + TRY_AGAIN,
    ),
    Rule(
        "API_CURRENTLY_DISABLED ORG_IN_MAINTENANCE FUNCTIONALITY_TEMPORARILY_UNAVAILABLE SSO_SERVICE_DOWN "
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
        SalesforceUnavailableError,
        "Salesforce is being maintained or has a fault of its own" + TRY_AGAIN,
    ),
    Rule(
        "UNKNOWN_ERROR",
        SalesforceUnavailableError,
        "Salesforce asks for another try" + TRY_AGAIN,
        says="retry your request",
    ),
    Rule(
        "JOB_NOT_COMPLETE",
        SalesforceUnavailableError,
        "The results of the Bulk job are not ready yet" + TRY_AGAIN,
    ),
    Rule(
        "INVALID_QUERY_LOCATOR INVALIDQUERYLOCATOR INVALIDLOCATOR",
        JobGoneError,
        "Salesforce no longer holds the rest of this query's results; the object has to be read again.",
    ),
    Rule("INVALID_FIELD", UnknownFieldError, _REFUSED_QUERY),
    Rule("INVALID_TYPE INVALIDENTITY", UnknownObjectError, _REFUSED_QUERY),
    Rule(
        "MALFORMED_QUERY INVALID_QUERY_FILTER_OPERATOR QUERY_TOO_COMPLICATED INVALID_QUERY_SCOPE",
        QueryError,
        _REFUSED_QUERY,
    ),
    Rule(
        "",
        QueryError,
        "The Bulk API does not read compound fields, such as an address or a location; map their parts "
        "(check_connection names them).",
        says="compound data",
    ),
    Rule(
        "API_DISABLED_FOR_ORG",
        AuthorizationError,
        "The API is not enabled for the Salesforce org or the integration user; enable it in Salesforce "
        "(permission 'API Enabled').",
    ),
    Rule(
        "INSUFFICIENT_ACCESS INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY "
        "FUNCTIONALITY_NOT_ENABLED FUNCTIONALITYNOTENABLED FEATURENOTENABLED",
        AuthorizationError,
        "The integration user lacks a permission in Salesforce; give it read access to the mapped objects "
        "and fields, and the Bulk API.",
    ),
    Rule(
        "UNSUPPORTED_API_VERSION INVALIDVERSION",
        ApiVersionError,
        "Salesforce does not offer this API version; choose one that Salesforce still supports.",
    ),
    Rule(
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
        AuthenticationError,
        "The password of the integration user has expired; set a new one in Salesforce and save it in the "
        "Salesforce credentials block.",
    ),
)

# Salesforce Edge has no way to the host (REST guide, "Status Codes and Error Responses").
_NO_ROUTE = 420
REDIRECTIONS = {
    _NO_ROUTE,
    HTTPStatus.MISDIRECTED_REQUEST,
    *(status for status in HTTPStatus if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST),
}
TOO_LARGE = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
}
# What an answer without a readable code means.
STATUSES: tuple[tuple[Collection[int], type[SyncError], str], ...] = (
    (
        {HTTPStatus.NOT_FOUND},
        UnknownObjectError,
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
        ApiVersionError,
        "Salesforce does not offer this API version; choose one that Salesforce still supports",
    ),
    (TOO_LARGE, RequestTooLargeError, "Salesforce takes no request of this size"),
    (
        REDIRECTIONS,
        AddressMovedError,
        "The Salesforce address answers from elsewhere; enter the org's current My Domain address in the "
        "Salesforce credentials",
    ),
)

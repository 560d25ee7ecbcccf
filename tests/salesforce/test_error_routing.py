"""Which of our errors an answer of Salesforce becomes, by code and by message."""

import json
from datetime import timedelta
from typing import Any

import pytest

from crm_sync import errors
from crm_sync.requests import RequestKind
from crm_sync.salesforce.errors.error_codes import error_for, limit_in, query_detail, read_complaint
from crm_sync.salesforce.http.request_kinds import kind_of
from tests.salesforce.conftest import NOW

LOGIN, QUERY = RequestKind.LOGIN, RequestKind.QUERY
CREATE, POLL, RESULTS = RequestKind.BULK_JOB, RequestKind.BULK_POLL, RequestKind.BULK_RESULTS


def rest(code: str, message: str = "") -> bytes:
    return json.dumps([{"message": message, "errorCode": code}]).encode()


def bulk(code: str, message: str = "") -> bytes:
    return json.dumps({"exceptionCode": code, "exceptionMessage": message}).encode()


def oauth(error: str, description: str = "") -> bytes:
    return json.dumps({"error": error, "error_description": description}).encode()


def fault(code: str, message: str = "") -> bytes:
    return (
        '<?xml version="1.0"?><soapenv:Envelope><soapenv:Body><soapenv:Fault>'
        f"<faultcode>{code}</faultcode><detail><sf:LoginFault><sf:exceptionCode>{code}</sf:exceptionCode>"
        f"<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:LoginFault></detail>"
        "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    ).encode()


CASES: list[tuple[int, bytes, RequestKind, type[errors.SyncError]]] = [
    (401, rest("INVALID_SESSION_ID", "Session expired or invalid"), QUERY, errors.SessionExpiredError),
    (400, bulk("InvalidSessionId", "Invalid session id"), POLL, errors.SessionExpiredError),
    (401, b"", QUERY, errors.SessionExpiredError),
    (401, b"<html>Unauthorized</html>", QUERY, errors.SessionExpiredError),
    (
        403,
        rest("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        QUERY,
        errors.LimitReachedError,
    ),
    (
        403,
        rest("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        QUERY,
        errors.ConcurrencyLimitError,
    ),
    (
        403,
        rest("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
        QUERY,
        errors.ConcurrencyLimitError,
    ),
    (500, fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), LOGIN, errors.LimitReachedError),
    (
        400,
        rest("EXCEEDED_QUOTA", "Max bulk v2 query jobs (10000) per 24 hrs has been reached"),
        CREATE,
        errors.LimitReachedError,
    ),
    (
        400,
        rest("X", "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded"),
        CREATE,
        errors.LimitReachedError,
    ),
    (500, fault("LOGIN_RATE_EXCEEDED"), LOGIN, errors.LoginLimitError),
    (400, oauth("invalid_grant", "login rate exceeded"), LOGIN, errors.LoginLimitError),
    (503, rest("SERVER_UNAVAILABLE", "Server temporarily unavailable"), QUERY, errors.SalesforceUnavailableError),
    (500, b"", QUERY, errors.SalesforceUnavailableError),
    (502, b"<html>Bad gateway</html>", LOGIN, errors.SalesforceUnavailableError),
    (200, b"<html>Down for maintenance</html>", QUERY, errors.SalesforceUnavailableError),
    (404, b"<html>Not here</html>", RESULTS, errors.SalesforceUnavailableError),
    (500, b'[{"message": "cut', QUERY, errors.SalesforceUnavailableError),
    (400, rest("QUERY_TIMEOUT"), QUERY, errors.SalesforceUnavailableError),
    (400, rest("TXN_SECURITY_METERING_ERROR"), QUERY, errors.SalesforceUnavailableError),
    (412, rest("JOB_NOT_COMPLETE", "can only download"), RESULTS, errors.SalesforceUnavailableError),
    (429, b"", QUERY, errors.SalesforceUnavailableError),
    (400, rest("UNABLE_TO_LOCK_ROW"), RequestKind.WRITE, errors.RowLockedError),
    (400, rest("MALFORMED_QUERY", "unexpected token: FRM"), QUERY, errors.QueryError),
    (400, rest("INVALID_FIELD", "No such column 'Foo__c' on entity 'Lead'"), CREATE, errors.UnknownFieldError),
    (400, rest("INVALID_TYPE", "sObject type 'Led' is not supported"), QUERY, errors.QueryError),
    (400, rest("INVALIDENTITY", "X is not supported by the Bulk API"), CREATE, errors.QueryError),
    (400, rest("API_ERROR", "Selecting compound data not supported in Bulk Query"), CREATE, errors.QueryError),
    (404, rest("NOT_FOUND"), RequestKind.DESCRIBE, errors.QueryError),
    (400, rest("ANYTHING_NEW"), QUERY, errors.QueryError),
    (400, rest("ANYTHING_NEW"), RequestKind.WRITE, errors.FatalError),
    (404, rest("NOT_FOUND"), POLL, errors.JobGoneError),
    (409, rest("INVALIDVERSION"), RESULTS, errors.JobGoneError),
    (400, rest("INVALID_QUERY_LOCATOR", "invalid query locator"), RESULTS, errors.JobGoneError),
    (403, rest("INSUFFICIENT_ACCESS"), QUERY, errors.AuthorizationError),
    (403, rest("API_DISABLED_FOR_ORG"), QUERY, errors.AuthorizationError),
    (403, rest("API_CURRENTLY_DISABLED"), QUERY, errors.SalesforceUnavailableError),
    (400, rest("REQUEST_RUNNING_TOO_LONG"), QUERY, errors.SalesforceUnavailableError),
    (500, fault("API_CURRENTLY_DISABLED"), LOGIN, errors.SalesforceUnavailableError),
    (500, fault("ORG_IN_MAINTENANCE"), LOGIN, errors.SalesforceUnavailableError),
    (503, oauth("temporarily_unavailable"), LOGIN, errors.SalesforceUnavailableError),
    (503, rest("SERVICE_UNAVAILABLE"), LOGIN, errors.SalesforceUnavailableError),
    (429, b"", LOGIN, errors.SalesforceUnavailableError),
    (400, oauth("unknown_error", "retry your request"), LOGIN, errors.SalesforceUnavailableError),
    (400, oauth("unknown_error", "something else"), LOGIN, errors.AuthenticationError),
    (403, rest("ANYTHING_NEW"), QUERY, errors.AuthorizationError),
    (410, rest("UNSUPPORTED_API_VERSION"), QUERY, errors.ConfigurationError),
    (302, b"", QUERY, errors.ConfigurationError),
    (301, b"<html>Moved</html>", LOGIN, errors.ConfigurationError),
]


@pytest.mark.parametrize(("status", "body", "kind", "expected"), CASES)
def test_answer_becomes_the_error_that_says_what_to_do(
    status: int, body: bytes, kind: RequestKind, expected: type[errors.SyncError]
) -> None:
    error = error_for(status, body, kind=kind, now=NOW)
    assert type(error) is expected
    assert str(error).endswith(".")


LOGIN_CASES: list[tuple[int, bytes, str]] = [
    (500, fault("INVALID_LOGIN", "Invalid username, password, security token"), "security token is wrong"),
    (500, fault("LOGIN_MUST_USE_SECURITY_TOKEN"), "Settings > Reset My Security Token"),
    (500, fault("PASSWORD_LOCKOUT"), "unlock the user"),
    (500, fault("LOGIN_DURING_RESTRICTED_DOMAIN"), "Login IP Ranges"),
    (500, fault("LOGIN_DURING_RESTRICTED_TIME"), "Login Hours"),
    (500, fault("ORG_LOCKED"), "Salesforce support"),
    (500, fault("TRIAL_EXPIRED"), "licence"),
    (
        500,
        fault("INVALID_OPERATION", "SOAP API login() is disabled by default in this org."),
        "switch on SOAP API login()",
    ),
    (
        500,
        fault("INVALID_OPERATION", "The SOAP Login operation is not available in the API version specified"),
        "no longer offered",
    ),
    (500, fault("INSUFFICIENT_ACCESS", "Use Any API Auth"), "Use Any API Auth"),
    (500, fault("API_DISABLED_FOR_ORG"), "API Enabled"),
    (500, fault("INACTIVE_ORG"), "Salesforce support"),
    (500, fault("SOMETHING_NEW"), "check the Salesforce credentials block"),
    (400, oauth("invalid_grant", "authentication failure - Invalid Password"), "check the username"),
    (400, oauth("invalid_grant", "user hasn't approved this consumer"), "pre-authorise"),
    (400, oauth("invalid_grant", "no client credentials user enabled"), "run-as user"),
    (400, oauth("invalid_grant", "request not supported on this domain"), "My Domain"),
    (400, oauth("invalid_grant", "invalid assertion"), "private key"),
    (400, oauth("invalid_client_id", "client identifier invalid"), "consumer key"),
    (400, oauth("invalid_client", "invalid client credentials"), "consumer secret"),
    (400, oauth("unsupported_grant_type", "grant type not supported"), "way of logging in"),
    (404, b"<html>URL no longer exists</html>", "check the Salesforce credentials block"),
]


@pytest.mark.parametrize(("status", "body", "advice"), LOGIN_CASES)
def test_refused_login_says_what_to_change(status: int, body: bytes, advice: str) -> None:
    error = error_for(status, body, kind=LOGIN, now=NOW)
    assert type(error) is errors.AuthenticationError
    assert advice in str(error)


def test_login_limit_says_when_logins_are_possible_again() -> None:
    error = error_for(500, fault("LOGIN_RATE_EXCEEDED"), kind=LOGIN, now=NOW)
    assert isinstance(error, errors.LoginLimitError)
    assert error.until == NOW + timedelta(hours=1)


def test_error_keeps_the_code_of_salesforce() -> None:
    assert error_for(400, rest("MALFORMED_QUERY"), kind=QUERY, now=NOW).code == "MALFORMED_QUERY"


@pytest.mark.parametrize("code", ["ada@acme.example", "A B", "x" * 200, 7, None, {"a": 1}])
def test_code_that_is_no_code_is_not_repeated(code: Any) -> None:
    body = json.dumps([{"errorCode": code, "message": "m"}]).encode()
    assert read_complaint(body).code == ""


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"x"', b"[[]]", b"\xff\xfe", b"{}"])
def test_odd_body_is_an_answer_without_a_code(body: bytes) -> None:
    assert read_complaint(body).code == ""


def test_query_fault_names_field_object_and_position() -> None:
    message = (
        "\nSELECT Id, Foo__c FROM Lead WHERE Email = 'ada@acme.example'\n           ^\n"
        "ERROR at Row:1:Column:12\nNo such column 'Foo__c' on entity 'Lead'. If you are attempting to use a custom"
    )
    detail = query_detail(message)
    assert "Row:1:Column:12" in detail
    assert "column Foo__c on entity Lead" in detail
    assert "ada@" not in detail


@pytest.mark.parametrize(
    "message",
    [
        "unexpected token: 'Lovelace'",
        "WHERE LastName = 'Lovelace' AND Foo\n ^\nERROR at Row:1:Column:12\nunexpected token: 'Lovelace'",
        "ace' AND LastName = 'Lovelace\n^\nERROR at Row:1:Column:3\nbad 'Lovelace",
        "lace' OR Email = Lovelace@acme.example\nERROR at Row:1:Column:3\nbad Lovelace@acme.example",
        "LastName = 'Lovelace'\nunexpected token",
    ],
)
def test_query_fault_never_repeats_a_value_of_the_filter(message: str) -> None:
    assert "Lovelace" not in query_detail(message)


def test_query_fault_is_cut_to_200_characters() -> None:
    assert len(query_detail("x" * 5000)) <= 202


def test_failed_job_for_a_daily_limit_is_a_limit() -> None:
    assert type(limit_in("Max bulk v2 query jobs (10000) per 24 hrs has been reached")) is errors.LimitReachedError
    assert limit_in("InvalidBatch : Field name not found : Foo__c") is None


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/services/Soap/u/64.0", RequestKind.LOGIN),
        ("POST", "/services/oauth2/token", RequestKind.LOGIN),
        ("GET", "/services/data/v67.0/sobjects/Lead/describe", RequestKind.DESCRIBE),
        ("GET", "/services/data/v67.0/limits/recordCount?sObjects=Lead", RequestKind.LIMITS),
        ("GET", "/services/data/v67.0/query/?q=describe", RequestKind.QUERY),
        ("GET", "/services/data/v67.0/queryAll/01g-2000", RequestKind.QUERY),
        ("PATCH", "/services/data/v67.0/composite/sobjects", RequestKind.WRITE),
        ("GET", "/services/data", RequestKind.OTHER),
    ],
)
def test_kind_of_a_library_request_is_read_from_its_address(method: str, path: str, kind: RequestKind) -> None:
    assert kind_of(method, path) is kind

"""Which of our errors an answer of Salesforce becomes, by code and by message."""

import json
from datetime import timedelta

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


CASES: dict[type[errors.SyncError], list[tuple[int, bytes, RequestKind]]] = {
    errors.SessionExpiredError: [
        (401, rest("INVALID_SESSION_ID", "Session expired or invalid"), QUERY),
        (400, bulk("InvalidSessionId", "Invalid session id"), POLL),
        (401, b"", QUERY),
        (401, b"<html>Unauthorized</html>", QUERY),
        (403, b"Bad_OAuth_Token", RequestKind.OTHER),
    ],
    errors.LimitReachedError: [
        (403, rest("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), QUERY),
        (500, fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), LOGIN),
        (400, rest("EXCEEDED_QUOTA", "Max bulk v2 query jobs (10000) per 24 hrs has been reached"), CREATE),
        (400, rest("X", "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded"), CREATE),
    ],
    errors.ConcurrencyLimitError: [
        (403, rest("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."), QUERY),
        (403, rest("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), QUERY),
    ],
    errors.LoginLimitError: [
        (500, fault("LOGIN_RATE_EXCEEDED"), LOGIN),
        (400, oauth("invalid_grant", "login rate exceeded"), LOGIN),
    ],
    errors.SalesforceUnavailableError: [
        (503, rest("SERVER_UNAVAILABLE", "Server temporarily unavailable"), QUERY),
        (500, b"", QUERY),
        (502, b"<html>Bad gateway</html>", LOGIN),
        (200, b"<html>Down for maintenance</html>", QUERY),
        (500, b'[{"message": "cut', QUERY),
        (400, rest("QUERY_TIMEOUT"), QUERY),
        (400, rest("TXN_SECURITY_METERING_ERROR"), QUERY),
        (412, rest("JOB_NOT_COMPLETE", "can only download"), RESULTS),
        (429, b"", QUERY),
        (403, rest("API_CURRENTLY_DISABLED"), QUERY),
        (400, rest("REQUEST_RUNNING_TOO_LONG"), QUERY),
        (500, fault("API_CURRENTLY_DISABLED"), LOGIN),
        (500, fault("ORG_IN_MAINTENANCE"), LOGIN),
        (503, oauth("temporarily_unavailable"), LOGIN),
        (503, rest("SERVICE_UNAVAILABLE"), LOGIN),
        (429, b"", LOGIN),
        (400, oauth("unknown_error", "retry your request"), LOGIN),
    ],
    errors.UnreachableError: [
        (404, b"<html>Not here</html>", RESULTS),
    ],
    errors.RowLockedError: [
        (400, rest("UNABLE_TO_LOCK_ROW"), RequestKind.WRITE),
    ],
    errors.QueryError: [
        (400, rest("MALFORMED_QUERY", "unexpected token: FRM"), QUERY),
        (400, rest("API_ERROR", "Selecting compound data not supported in Bulk Query"), CREATE),
        (400, rest("ANYTHING_NEW"), QUERY),
    ],
    errors.UnknownObjectError: [
        (400, rest("INVALID_TYPE", "sObject type 'Led' is not supported"), QUERY),
        (400, rest("INVALIDENTITY", "X is not supported by the Bulk API"), CREATE),
        (404, rest("NOT_FOUND"), RequestKind.DESCRIBE),
    ],
    errors.UnknownFieldError: [
        (400, rest("INVALID_FIELD", "No such column 'Foo__c' on entity 'Lead'"), CREATE),
    ],
    errors.FatalError: [
        (400, rest("ANYTHING_NEW"), RequestKind.WRITE),
    ],
    errors.RequestTooLargeError: [
        (413, b"<html>Request Entity Too Large</html>", RequestKind.WRITE),
        (414, b"<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>", QUERY),
        (431, b"", QUERY),
    ],
    errors.JobGoneError: [
        (404, rest("NOT_FOUND"), POLL),
        (409, rest("INVALIDVERSION"), RESULTS),
        (400, rest("INVALID_QUERY_LOCATOR", "invalid query locator"), RESULTS),
    ],
    errors.AuthorizationError: [
        (403, rest("INSUFFICIENT_ACCESS"), QUERY),
        (403, rest("API_DISABLED_FOR_ORG"), QUERY),
        (403, rest("ANYTHING_NEW"), QUERY),
        (400, rest("OPERATION_TOO_LARGE", "exceeded 100000 distinct ids"), QUERY),
    ],
    errors.AuthenticationError: [
        (400, oauth("unknown_error", "something else"), LOGIN),
    ],
    errors.ApiVersionError: [
        (410, rest("UNSUPPORTED_API_VERSION"), QUERY),
        (400, rest("INVALIDVERSION"), QUERY),
    ],
    errors.AddressMovedError: [
        (421, b"<html>Misdirected</html>", QUERY),
        (302, b"", QUERY),
        (420, b"", QUERY),
        (420, b"<html>No route</html>", QUERY),
        (301, b"<html>Moved</html>", LOGIN),
        (400, rest("URL_NOT_RESET", "Destination URL not reset. The URL returned from login must be set"), QUERY),
        (400, bulk("InvalidUrl", "Destination URL not reset. The URL returned from login must be set"), CREATE),
        (500, fault("UNKNOWN_EXCEPTION", "Destination URL not reset. The URL returned from login must be set"), QUERY),
    ],
}


@pytest.mark.parametrize("expected", CASES, ids=lambda kind: kind.__name__)
def test_answer_becomes_the_error_with_the_next_step(expected: type[errors.SyncError]) -> None:
    for status, body, kind in CASES[expected]:
        error = error_for(status, body, kind=kind, now=NOW)
        assert (type(error), str(error)[-1]) == (expected, "."), (status, body, kind)


LOGIN_CASES: list[tuple[int, bytes, str]] = [
    (500, fault("INVALID_LOGIN", "Invalid username, password, security token"), "security token is wrong"),
    (500, fault("LOGIN_MUST_USE_SECURITY_TOKEN"), "Settings > Reset My Security Token"),
    (500, fault("PASSWORD_LOCKOUT"), "unlock the user"),
    (500, fault("LOGIN_DURING_RESTRICTED_DOMAIN"), "Login IP Ranges"),
    (500, fault("LOGIN_DURING_RESTRICTED_TIME"), "Login Hours"),
    (500, fault("ORG_LOCKED"), "Salesforce support"),
    (500, fault("TRIAL_EXPIRED"), "licence"),
    (500, fault("INVALID_OPERATION", "SOAP API login() is disabled by default."), "switch on SOAP API login()"),
    (500, fault("INVALID_OPERATION", "The SOAP Login operation is not available in 65.0"), "no longer offered"),
    (500, fault("INSUFFICIENT_ACCESS", "Use Any API Auth"), "Use Any API Auth"),
    (500, fault("API_DISABLED_FOR_ORG"), "API Enabled"),
    (500, fault("INACTIVE_ORG"), "Salesforce support"),
    (500, fault("SOMETHING_NEW"), "check the Salesforce credentials block"),
    (400, oauth("invalid_grant", "authentication failure - Invalid Password"), "check the username"),
    (400, oauth("invalid_grant", "user hasn't approved this consumer"), "pre-authorise"),
    (400, oauth("invalid_grant", "no client credentials user enabled"), "run-as user"),
    (400, oauth("invalid_grant", "request not supported on this domain"), "My Domain"),
    (400, oauth("invalid_grant", "invalid assertion"), "private key"),
    (400, oauth("invalid_grant", "ip restricted"), "IP address"),
    (400, oauth("invalid_grant", "ip not allowed"), "IP address"),
    (400, oauth("invalid_grant", "activation secret invalid"), "IP address"),
    (400, oauth("invalid_grant", "invalid login hours"), "Login Hours"),
    (400, oauth("invalid_grant", "user is inactive"), "activate it"),
    (400, oauth("invalid_grant", "inactive user"), "activate it"),
    (400, oauth("invalid_grant", "user is frozen"), "activate it"),
    (400, oauth("invalid_grant", "inactive org"), "Salesforce support"),
    (400, oauth("invalid_grant", "organization is locked"), "Salesforce support"),
    (400, oauth("invalid_grant", "account locked"), "unlock the user"),
    (400, oauth("invalid_grant", "password expired"), "set a new one"),
    (400, oauth("invalid_grant", "expired authorization code"), "has expired or was revoked"),
    (400, oauth("invalid_grant", "expired access/refresh token"), "has expired or was revoked"),
    (400, oauth("invalid_grant", "token validity expired"), "has expired or was revoked"),
    (400, oauth("invalid_grant", "user is unauthorized"), "pre-authorise"),
    (400, oauth("invalid_grant", "assertion expired"), "private key"),
    (400, oauth("invalid_client_id", "client identifier invalid"), "consumer key"),
    (400, oauth("invalid_client", "invalid client credentials"), "consumer secret"),
    (400, oauth("app_not_found", "External client app is not installed in this org"), "is not installed in this org"),
    (400, oauth("invalid_grant", "OAUTH_EC_APP_NOT_FOUND"), "is not installed in this org"),
    (400, oauth("unsupported_grant_type", "grant type not supported"), "way of logging in"),
    (404, b"<html>URL no longer exists</html>", "check the Salesforce credentials block"),
]


def test_refused_login_names_the_setting_to_change() -> None:
    for status, body, advice in LOGIN_CASES:
        error = error_for(status, body, kind=LOGIN, now=NOW)
        assert type(error) is errors.AuthenticationError, body
        assert advice in str(error), body


def test_login_limit_holds_the_moment_of_the_next_login() -> None:
    error = error_for(500, fault("LOGIN_RATE_EXCEEDED"), kind=LOGIN, now=NOW)
    assert isinstance(error, errors.LoginLimitError)
    assert error.until == NOW + timedelta(hours=1)


def test_error_keeps_the_code_of_salesforce() -> None:
    assert error_for(400, rest("MALFORMED_QUERY"), kind=QUERY, now=NOW).code == "MALFORMED_QUERY"


def test_code_that_is_no_code_is_not_repeated() -> None:
    codes: list[object] = ["ada@acme.example", "A B", "x" * 200, 7, None, {"a": 1}]
    odd = [b"[]", b"null", b"7", b'"x"', b"[[]]", b"\xff\xfe", b"{}"]
    for body in [*odd, *(json.dumps([{"errorCode": code, "message": "m"}]).encode() for code in codes)]:
        assert read_complaint(body).code == "", body


def test_query_fault_names_field_object_and_position() -> None:
    message = (
        "\nSELECT Id, Foo__c FROM Lead WHERE Email = 'ada@acme.example'\n           ^\n"
        "ERROR at Row:1:Column:12\nNo such column 'Foo__c' on entity 'Lead'. If you are attempting to use a custom"
    )
    detail = query_detail(message)
    assert "Row:1:Column:12" in detail
    assert "column Foo__c on entity Lead" in detail
    assert "ada@" not in detail


def test_query_fault_never_repeats_a_value_of_the_filter() -> None:
    for message in (
        "unexpected token: 'Lovelace'",
        "WHERE LastName = 'Lovelace' AND Foo\n ^\nERROR at Row:1:Column:12\nunexpected token: 'Lovelace'",
        "ace' AND LastName = 'Lovelace\n^\nERROR at Row:1:Column:3\nbad 'Lovelace",
        "lace' OR Email = Lovelace@acme.example\nERROR at Row:1:Column:3\nbad Lovelace@acme.example",
        "LastName = 'Lovelace'\nunexpected token",
    ):
        assert "Lovelace" not in query_detail(message)
    assert len(query_detail("x" * 5000)) <= 202


def test_failed_job_for_a_daily_limit_is_a_limit() -> None:
    assert type(limit_in("Max bulk v2 query jobs (10000) per 24 hrs has been reached")) is errors.LimitReachedError
    assert limit_in("InvalidBatch : Field name not found : Foo__c") is None


def test_kind_of_a_library_request_is_read_from_its_address() -> None:
    for method, path, kind in (
        ("POST", "/services/Soap/u/64.0", RequestKind.LOGIN),
        ("POST", "/services/oauth2/token", RequestKind.LOGIN),
        ("GET", "/services/data/v67.0/sobjects/Lead/describe", RequestKind.DESCRIBE),
        ("GET", "/services/data/v67.0/limits/recordCount?sObjects=Lead", RequestKind.LIMITS),
        ("GET", "/services/data/v67.0/query/?q=describe", RequestKind.QUERY),
        ("GET", "/services/data/v67.0/queryAll/01g-2000", RequestKind.QUERY),
        ("PATCH", "/services/data/v67.0/composite/sobjects", RequestKind.WRITE),
        ("GET", "/services/data", RequestKind.OTHER),
    ):
        assert kind_of(method, path) is kind, path

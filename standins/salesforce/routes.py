"""The routes, and the checks before them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from standins.salesforce.api import (
    bulk_ingest,
    bulk_query,
    composite,
    metadata_api,
    oauth,
    rest,
    rest_query,
    soap_login,
    sobject_collections,
)
from standins.salesforce.errors import SalesforceError, not_found, session_expired
from standins.salesforce.http.messages import Answer, Request, error_answer
from standins.salesforce.org.org import Org

Resource = Callable[..., Answer]
_VERSION = r"(\d{1,3}\.\d)"
_DATA = f"/services/data/v{_VERSION}"


@dataclass(frozen=True)
class Route:
    """An address: its methods, whether it needs a session and counts to the day, and the content types that it takes.

    A `soap` route finds the session in its body, so it checks that itself.
    """

    kind: str
    pattern: str
    methods: Mapping[str, Resource]
    data: bool = True
    takes: tuple[str, ...] = ("json",)
    soap: bool = False


def _composite(org: Org, request: Request, version: str) -> Answer:
    """A composite holds requests for the other routes, so it takes their dispatcher."""
    return composite.composite(org, request, dispatch, kind_of)


_RECORD = rf"{_DATA}/sobjects/(\w+)"
_COLLECTIONS = f"{_DATA}/composite/sobjects"
_JOB = rf"{_DATA}/jobs/query/(\w+)"
_INGEST_JOB = rf"{_DATA}/jobs/ingest/(\w+)"
_INGEST_RESULTS = f"{_INGEST_JOB}/(successfulResults|failedResults|unprocessedrecords)/?"
_INGEST_CONTENT = ("json", "multipart/form-data")
_ON_JOB = {"GET": bulk_query.get, "PATCH": bulk_query.abort}
_ON_INGEST_JOB = {"GET": bulk_ingest.get, "PATCH": bulk_ingest.change}
ROUTES = (
    Route("login", rf"/services/Soap/u/{_VERSION}(?:/\w*)?", {"POST": soap_login.login}, data=False),
    Route("token", "/services/oauth2/token", {"POST": oauth.token}, data=False),
    Route("metadata", rf"/services/Soap/m/{_VERSION}(?:/\w*)?", {"POST": metadata_api.call}, soap=True),
    Route("versions", "/services/data/?", {"GET": rest.versions}, data=False),
    Route("userinfo", "/services/oauth2/userinfo", {"GET": oauth.user_info}),
    Route("limits", f"{_DATA}/limits/?", {"GET": rest.limits}),
    Route("record_count", f"{_DATA}/limits/recordCount", {"GET": rest.record_count}),
    Route("describe", f"{_DATA}/sobjects/?", {"GET": rest.describe_all}),
    Route("describe", f"{_RECORD}/describe/?", {"GET": rest.describe}),
    Route("record", f"{_RECORD}/?", {"POST": rest.create}),
    Route("composite", f"{_DATA}/composite/?", {"POST": _composite}),
    Route("collections", f"{_COLLECTIONS}/?", {"PATCH": sobject_collections.update}),
    Route("collections", rf"{_COLLECTIONS}/(\w+)/(\w+)/?", {"PATCH": sobject_collections.upsert}),
    Route("query", f"{_DATA}/(query|queryAll)/?", {"GET": rest_query.query}),
    Route("query_more", rf"{_DATA}/(query|queryAll)/([\w-]+)", {"GET": rest_query.query_more}),
    Route("bulk_jobs", f"{_DATA}/jobs/query/?", {"POST": bulk_query.create}),
    Route("bulk_job", _JOB, _ON_JOB),
    Route("bulk_results", f"{_JOB}/results", {"GET": bulk_query.results}),
    Route("ingest_jobs", f"{_DATA}/jobs/ingest/?", {"POST": bulk_ingest.create}, takes=_INGEST_CONTENT),
    Route("ingest_job", f"{_INGEST_JOB}/?", _ON_INGEST_JOB),
    Route("ingest_upload", f"{_INGEST_JOB}/batches/?", {"PUT": bulk_ingest.upload}, takes=("text/csv",)),
    Route("ingest_results", _INGEST_RESULTS, {"GET": bulk_ingest.results}),
)


def find_route(path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route of a path and the parts of the path that vary, or None."""
    for route in ROUTES:
        match = re.fullmatch(route.pattern, path)
        if match:
            return route, match.groups()
    return None


def kind_of(request: Request) -> str:
    """Return the request's kind in the journal."""
    found = find_route(request.path)
    return found[0].kind if found else "unknown"


def answer(org: Org, request: Request) -> Answer:
    """Answer a request as the org would; data answers have the use of the allocation in a header."""
    found = find_route(request.path)
    counts = found is None or found[0].data
    soap = found is not None and found[0].soap
    org.usage.count(counts_to_day=counts)
    try:
        given = dispatch(org, request) if soap or not counts else _checked(org, request)
    except SalesforceError as error:
        given = error_answer(error)
    if counts and not soap:
        given.headers["Sforce-Limit-Info"] = org.usage.header()
    return given


def dispatch(org: Org, request: Request) -> Answer:
    """Answer a request whose session and limits are checked already."""
    found = find_route(request.path)
    if found is None:
        raise not_found()
    route, parts = found
    if request.path.startswith("/services/data/v"):
        _check_version(org, parts[0])
    resource = route.methods.get(request.method)
    if resource is None:
        allowed = ",".join(route.methods)
        message = f"HTTP Method '{request.method}' not allowed. Allowed are {allowed}"
        raise SalesforceError(405, "METHOD_NOT_ALLOWED", message)
    return resource(org, request, *parts)


def _checked(org: Org, request: Request) -> Answer:
    found = find_route(request.path)
    try:
        org.logins.check(_session_id(request))
    except SalesforceError:
        if found and found[0].kind == "userinfo":
            return Answer(403, b"Bad_OAuth_Token", "text/html;charset=UTF-8")
        raise
    org.usage.check()
    takes = found[0].takes if found else ("json",)
    if request.body and not any(kind in request.headers.get("content-type", "") for kind in takes):
        given = request.headers.get("content-type")
        message = f"Content-Type header specified in HTTP request is not supported: {given}"
        raise SalesforceError(415, "UNSUPPORTED_MEDIA_TYPE", message)
    return dispatch(org, request)


def _session_id(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, session_id = header.partition(" ")
    if scheme not in ("Bearer", "OAuth"):
        raise SalesforceError(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
    if not session_id:
        raise session_expired()
    return session_id.strip()


def _check_version(org: Org, version: str) -> None:
    if float(version) < org.settings.oldest_version:
        raise SalesforceError(410, "UNSUPPORTED_API_VERSION", "The requested API version is retired")
    if float(version) > org.settings.newest_version:
        raise not_found()

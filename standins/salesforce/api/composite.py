"""`/composite`: up to 25 requests in one, of which at most 5 query or write collections."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from standins.salesforce.api.json_rows import check_no_all_or_none
from standins.salesforce.api.references import references_resolved
from standins.salesforce.errors import SalesforceError, not_found
from standins.salesforce.http.messages import Answer, Request, error_answer
from standins.salesforce.org.org import Org

MAX_SUBREQUESTS, MAX_QUERIES_AND_COLLECTIONS = 25, 5
_COUNTED = ("query", "query_more", "collections")
_ALLOWED = (*_COUNTED, "record", "describe")
_NAME = re.compile(r"[A-Za-z0-9]\w*", re.ASCII)
_KEYS = {"method", "url", "referenceId", "body", "httpHeaders"}

Dispatch = Callable[[Org, Request], Answer]
KindOf = Callable[[Request], str]


def composite(org: Org, request: Request, dispatch: Dispatch, kind_of: KindOf) -> Answer:
    """Answer 200 with the answer of each subrequest, which may refer to earlier ones."""
    body = request.json()
    check_no_all_or_none(body)
    parts = _checked_parts(body, request, kind_of)
    bodies: dict[str, bytes] = {}
    answers = []
    for part in parts:
        try:
            given = _answered(org, request, _resolved(part, bodies), dispatch, kind_of)
        except SalesforceError as error:
            given = error_answer(error)
        bodies[part["referenceId"]] = _bytes(given)
        answers.append(given)
    return _joined(parts, answers)


def _resolved(part: Mapping[str, Any], bodies: Mapping[str, bytes]) -> dict[str, Any]:
    return {**part, **references_resolved({"url": part["url"], "body": part.get("body")}, bodies)}


def _answered(org: Org, outer: Request, part: Mapping[str, Any], dispatch: Dispatch, kind_of: KindOf) -> Answer:
    fault = org.faults.due(part["method"], part["url"], inner=True)
    if fault:
        # In ASCII, so that it may hold anything.
        return Answer(fault.status, json.dumps(fault.body).encode())
    inner = _subrequest(outer, part)
    if kind_of(inner) not in _ALLOWED:
        raise not_found()
    return dispatch(org, inner)


def _checked_parts(body: Mapping[str, Any], request: Request, kind_of: KindOf) -> list[dict[str, Any]]:
    """The codes are Salesforce's; its words for too many subrequests are in no recording, so these are ours."""
    parts = body.get("compositeRequest")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "compositeRequest has to be a list of subrequests")
    if not parts:
        raise SalesforceError(400, "INVALID_INPUT", "compositeRequest holds no subrequest")
    if len(parts) > MAX_SUBREQUESTS:
        message = f"The number of subrequests {len(parts)} exceeds the limit of {MAX_SUBREQUESTS}"
        raise SalesforceError(400, "LIMIT_EXCEEDED", message)
    for part in parts:
        _check_part(part)
    names = [part["referenceId"] for part in parts]
    if len(set(names)) < len(names):
        raise SalesforceError(400, "INVALID_INPUT", "Duplicate ReferenceId provided in the request.")
    counted = sum(kind_of(_subrequest(request, part)) in _COUNTED for part in parts)
    if counted > MAX_QUERIES_AND_COLLECTIONS:
        message = (
            f"The number of query and collection subrequests {counted} "
            f"exceeds the limit of {MAX_QUERIES_AND_COLLECTIONS}"
        )
        raise SalesforceError(400, "LIMIT_EXCEEDED", message)
    return parts


def _check_part(part: Mapping[str, Any]) -> None:
    unknown = sorted(part.keys() - _KEYS)
    if unknown:
        raise SalesforceError(400, "JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}" at [line:1, column:2]')
    for key in ("method", "url", "referenceId"):
        if not isinstance(part.get(key), str):
            raise SalesforceError(400, "INVALID_INPUT", f"A subrequest has no {key}")
    name = part["referenceId"]
    if not _NAME.fullmatch(name):
        message = (
            f"Provided referenceId ('{name}') must start with a letter or a number, "
            "and it can contain only letters, numbers and underscores ('_')."
        )
        raise SalesforceError(400, "INVALID_INPUT", message)


def _subrequest(outer: Request, part: Mapping[str, Any]) -> Request:
    parts = urlsplit(part["url"])
    headers = {name.lower(): str(value) for name, value in (part.get("httpHeaders") or {}).items()}
    body = b"" if part.get("body") is None else json.dumps(part["body"]).encode()
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(part["method"], parts.path, query, headers, body, outer.base_url)


def _joined(parts: list[dict[str, Any]], answers: list[Answer]) -> Answer:
    """Put the bodies together as they are: reading and writing them again takes longer than answering."""
    entries = [
        b'{"body":%b,"httpHeaders":%b,"httpStatusCode":%d,"referenceId":"%b"}'
        % (_bytes(given) or b"null", json.dumps(given.headers).encode(), given.status, part["referenceId"].encode())
        for part, given in zip(parts, answers, strict=True)
    ]
    return Answer(200, b'{"compositeResponse":[' + b",".join(entries) + b"]}")


def _bytes(given: Answer) -> bytes:
    return given.body if isinstance(given.body, bytes) else b"".join(given.body)

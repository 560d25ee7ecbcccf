"""Queries asked together: up to five in one composite request, which counts as one.

Rule: REST guide, "Composite": 25 subrequests, of which five may be queries; "Query More Results".
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from crm_sync.errors import (
    AnswerTooLargeError,
    JobGoneError,
    LimitReachedError,
    QueryError,
    SalesforceUnavailableError,
    SyncError,
)
from crm_sync.requests import RequestKind
from crm_sync.salesforce.errors.error_codes import error_for
from crm_sync.salesforce.http.json_body import raise_ended_session, read_json
from crm_sync.salesforce.http.limit_info import read_server_time
from crm_sync.salesforce.http.transport import Content
from crm_sync.salesforce.org import SalesforceOrg

_GOOD = 200


@dataclass(frozen=True)
class Page:
    """One page of a query's answer: its records as parsed, numbers as text; how many there are on all pages."""

    records: list[dict[str, Any]]
    total: int
    next_path: str | None


@dataclass(frozen=True)
class Answers:
    """What the queries of one request gave, in their order; `asked_at` is not after the first was answered.

    A page that Salesforce refused is the error instead.
    """

    pages: list[Page | SyncError]
    asked_at: datetime


def query_path(soql: str) -> str:
    """Return the path that asks for the first page of a query, deleted records included."""
    return f"queryAll?q={quote(soql, safe='')}"


def ask_together(org: SalesforceOrg, paths: Sequence[str]) -> Answers:
    """Ask up to five queries, or further pages of some, in one request.

    Where the answer is larger than is taken at once, they are asked by halves. Raises RetriableError when any of them
    is worth asking again; what Salesforce refuses, and AnswerTooLargeError of a single one, stays in its place.
    """
    try:
        return _asked(org, paths)
    except AnswerTooLargeError as too_large:
        if too_large.asked_at is None:
            raise
        if len(paths) == 1:
            return Answers([too_large], too_large.asked_at)
    half = len(paths) // 2
    first, second = ask_together(org, paths[:half]), ask_together(org, paths[half:])
    return Answers([*first.pages, *second.pages], min(first.asked_at, second.asked_at))


def _asked(org: SalesforceOrg, paths: Sequence[str]) -> Answers:

    def body(version: str) -> Content:
        # The path of a further page comes from Salesforce, with the version of the first.
        urls = [path if path.startswith("/") else f"/services/data/v{version}/{path}" for path in paths]
        parts = [{"method": "GET", "url": url, "referenceId": f"q{place}"} for place, url in enumerate(urls)]
        return {"json": {"allOrNone": False, "compositeRequest": parts}}

    response = org.request("POST", "composite", RequestKind.QUERY, content_for=body, inspect=raise_ended_session)
    server_time = read_server_time(response.headers)
    answers: dict[str, Any] = {}
    # Numbers keep every digit, as in CSV.
    parsed = read_json(response, numbers_as_text=True)
    with suppress(KeyError, TypeError):
        answers = {answer["referenceId"]: answer for answer in parsed["compositeResponse"]}
    try:
        pages = [_read_page(answers.get(f"q{place}"), server_time) for place in range(len(paths))]
    except LimitReachedError as limit:
        org.note_limit(RequestKind.QUERY, limit)
        raise
    # The answer is dated when it is sent; what was committed while it was made up may be missing from it.
    return Answers(pages, asked_at=server_time - response.elapsed)


def _read_page(answer: Any, now: datetime) -> Page | SyncError:
    with suppress(KeyError, TypeError, ValueError):
        status, body = int(answer["httpStatusCode"]), answer["body"]
        if status != _GOOD:
            error = error_for(status, json.dumps(body).encode(), kind=RequestKind.QUERY, now=now)
            if isinstance(error, (QueryError, JobGoneError)):
                return error
            raise error
        is_last = body["done"] is True
        return Page(body["records"], int(body["totalSize"]), None if is_last else str(body["nextRecordsUrl"]))
    raise SalesforceUnavailableError("Salesforce answered a query in a form that is not known; it can be asked again.")

"""Writes up to 1,000 records in one request: a composite of collections.

Every record is found by Id or external id, so a request without an answer may be repeated as it is.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd

from crm_sync.errors import (
    AuthenticationError,
    AuthorizationError,
    FatalError,
    RequestTooLargeError,
    SalesforceUnavailableError,
)
from crm_sync.requests import RequestKind
from crm_sync.salesforce.errors.error_codes import read_complaint
from crm_sync.salesforce.errors.error_rules import Complaint
from crm_sync.salesforce.http.json_body import raise_ended_session, read_json
from crm_sync.salesforce.http.transport import Content
from crm_sync.salesforce.limits import COLLECTIONS_PER_REQUEST, LONGEST_BODY
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.write.options import WriteOptions
from crm_sync.salesforce.write.records import RecordWrites, json_records
from crm_sync.salesforce.write.results import all_refused, note_limits, read_rows

_USUAL = WriteOptions()
_JSON = {"Content-Type": "application/json"}
_GOOD = 200
# A composite reads this as a reference to another subrequest's answer, inside of values too.
_REFERENCE = "@{"


@dataclass(frozen=True)
class _Collection:
    """The records of one call, in their order: of several sObjects for an update, of one for an upsert."""

    parts: tuple[RecordWrites, ...]

    @property
    def path(self) -> str:
        """The path of the call. Rule: REST guide, "sObject Collections", update and upsert."""
        first = self.parts[0]
        return "composite/sobjects" + (f"/{first.sobject}/{first.external_id}" if first.external_id else "")

    def body(self) -> str:
        rows = ",".join(row for part in self.parts for row in json_records(part))
        return f'{{"allOrNone":false,"records":[{rows}]}}'

    def read(self, rows: Any) -> list[pd.DataFrame]:
        """Return a result frame for each part."""
        frames, start = [], 0
        if isinstance(rows, list) and len(rows) == sum(map(len, self.parts)):
            for part in self.parts:
                frames.append(read_rows(part, rows[start : start + len(part)]))
                start += len(part)
            return frames
        raise SalesforceUnavailableError(
            "Salesforce's answer does not have a row for each record; the request can be repeated."
        )

    def refused(self, complaint: Complaint) -> list[pd.DataFrame]:
        return [all_refused(part, complaint) for part in self.parts]


def split_requests(writes: Sequence[RecordWrites], options: WriteOptions = _USUAL) -> list[list[RecordWrites]]:
    """Return the records in their order as lists, each for one request of `write_records`, none too long for it.

    Records with "@{" in a value, which a composite would read as a reference, go in requests of their own.
    """
    plain = [one.where(~_holds_reference(one)) for one in writes]
    # Updates of several sObjects may share a collection, upserts may not.
    plain.sort(key=lambda one: one.external_id is not None)
    requests = _cut(plain, options.calls, options.at_once)
    for one in writes:
        requests += _cut([one.where(_holds_reference(one))], 1, options.at_once)
    return [few for request in requests for few in _short_enough(request)]


def _short_enough(request: list[RecordWrites]) -> Iterator[list[RecordWrites]]:
    """Give the records of a request in halves, until each is short enough."""
    records = sum(map(len, request))
    if records == 1 or sum(len(_Collection((one,)).body().encode()) for one in request) <= LONGEST_BODY:
        yield request
        return
    for half in _cut(request, 1, (records + 1) // 2):
        yield from _short_enough(half)


def write_records(
    org: SalesforceOrg, writes: Sequence[RecordWrites], options: WriteOptions = _USUAL
) -> list[pd.DataFrame]:
    """Write records of one or more sObjects with one request; return a result frame for each, see `result_frame`.

    A refused record is a row of the result, also when its whole collection was refused. Raises ValueError for more
    than one request can hold (see `split_requests`), and what every request may raise: RetriableError (repeat it as it
    is), LimitReachedError (nothing was written).
    """
    order = sorted(range(len(writes)), key=lambda position: writes[position].external_id is not None)
    calls = _collections([writes[position] for position in order], options.at_once)
    bodies = [call.body() for call in calls]
    has_reference = any(_REFERENCE in body for body in bodies)
    if len(calls) > (1 if has_reference else COLLECTIONS_PER_REQUEST):
        raise ValueError("more records than one request can write; split_requests cuts them")
    if has_reference:
        frames = _write_directly(org, calls[0], bodies[0], options)
    else:
        frames = _write_composite(org, calls, bodies, options) if calls else []
    note_limits(org, frames)
    pieces = iter(frames)
    results = {position: _joined(writes[position], pieces) for position in order}
    return [results[position] for position in range(len(writes))]


def _write_composite(
    org: SalesforceOrg, calls: Sequence[_Collection], bodies: Sequence[str], options: WriteOptions
) -> list[pd.DataFrame]:
    def content(version: str) -> Content:
        base = f"/services/data/v{version}/"
        subrequests = ",".join(
            f'{{"method":"PATCH","url":{json.dumps(base + call.path)},"referenceId":"c{number}",'
            f'"httpHeaders":{json.dumps(options.headers)},"body":{body}}}'
            for number, (call, body) in enumerate(zip(calls, bodies, strict=True))
        )
        return {"data": f'{{"allOrNone":false,"compositeRequest":[{subrequests}]}}'.encode()}

    headers = {**_JSON, **options.headers}
    try:
        response = org.request(
            "POST", "composite", RequestKind.WRITE, content_for=content, headers=headers, inspect=raise_ended_session
        )
    except RequestTooLargeError as refusal:
        return [frame for call in calls for frame in call.refused(Complaint(refusal.code or "", str(refusal)))]
    answers = _subanswers(read_json(response), len(calls))
    return [frame for call, answer in zip(calls, answers, strict=True) for frame in _read_subanswer(call, *answer)]


def _subanswers(answer: Any, count: int) -> list[tuple[int, Any]]:
    """Return status and body of each subrequest; the composite's own status is 200 even when all have failed."""
    with suppress(KeyError, TypeError, ValueError):
        given = {one["referenceId"]: (int(one["httpStatusCode"]), one["body"]) for one in answer["compositeResponse"]}
        return [given[f"c{number}"] for number in range(count)]
    raise SalesforceUnavailableError("Salesforce's answer to a composite is not readable; the request can be repeated.")


def _read_subanswer(call: _Collection, status: int, body: Any) -> list[pd.DataFrame]:
    if status == _GOOD:
        return call.read(body)
    complaint = read_complaint(json.dumps(body).encode())
    return call.refused(Complaint(complaint.code or f"HTTP {status}", complaint.message))


def _write_directly(org: SalesforceOrg, call: _Collection, body: str, options: WriteOptions) -> list[pd.DataFrame]:
    try:
        headers = {**_JSON, **options.headers}
        response = org.request("PATCH", call.path, RequestKind.WRITE, data=body.encode(), headers=headers)
    except (AuthenticationError, AuthorizationError):
        raise
    except FatalError as refusal:
        return call.refused(Complaint(refusal.code or "", str(refusal)))
    return call.read(read_json(response))


def _collections(writes: Sequence[RecordWrites], at_once: int) -> list[_Collection]:
    """Return the calls for these records, updates first; updates of several sObjects only share a call when they must.

    A fault in one row's form fails its whole collection, so the sObjects are better apart.
    """
    apart = [_Collection((piece,)) for one in writes for piece in _pieces(one, at_once)]
    if len(apart) <= COLLECTIONS_PER_REQUEST:
        return apart
    shared = _cut([one for one in writes if not one.external_id], 1, at_once)
    upserts = [call for call in apart if call.parts[0].external_id]
    return [_Collection(tuple(parts)) for parts in shared] + upserts


def _pieces(writes: RecordWrites, at_once: int) -> Iterator[RecordWrites]:
    for start in range(0, len(writes), at_once):
        yield writes.part(start, start + at_once)


def _cut(writes: Sequence[RecordWrites], calls: int, at_once: int) -> list[list[RecordWrites]]:
    """Return the records in lists of so many calls with so many places; an upsert starts at a new collection and leaves
    its end empty."""
    lists: list[list[RecordWrites]] = [[]]
    room = size = calls * at_once
    for one in writes:
        start = 0
        while start < len(one):
            room -= room % at_once if one.external_id else 0
            if not room:
                lists.append([])
                room = size
            part = one.part(start, start + room)
            lists[-1].append(part)
            start += len(part)
            room -= len(part)
    return [parts for parts in lists if parts]


def _holds_reference(writes: RecordWrites) -> pd.Series:
    holds = pd.Series(False, index=writes.records.index)
    for name in writes.records.columns:
        holds |= writes.records[name].str.contains(_REFERENCE, regex=False, na=False)
    return holds


def _joined(writes: RecordWrites, pieces: Iterator[pd.DataFrame]) -> pd.DataFrame:
    """Return the next results, which are those of `writes`, as one frame."""
    frames = [all_refused(writes.part(0, 0), Complaint("", ""))]
    while sum(map(len, frames)) < len(writes):
        frames.append(next(pieces))
    return pd.concat(frames[1:] or frames)

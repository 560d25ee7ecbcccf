"""`/sobjects/<name>` and below: one record, by its Id or by an external id."""

from contextlib import closing
from typing import Any
from urllib.parse import unquote

from standins.salesforce.api.json_rows import key_field, readable, sobject_of
from standins.salesforce.api.rest_query import record_body
from standins.salesforce.errors import RecordError, SalesforceError, not_found
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.ids import full_id
from standins.salesforce.org.org import Org
from standins.salesforce.org.outcome import Outcome
from standins.salesforce.org.validation import stored_value
from standins.salesforce.org.writes import Write, write_one
from standins.salesforce.schema.fields import SObject

_GONE = {
    "INVALID_CROSS_REFERENCE_KEY": ("NOT_FOUND", "The requested resource does not exist"),
    "ENTITY_IS_DELETED": ("ENTITY_IS_DELETED", "entity is deleted"),
}


def create(org: Org, request: Request, version: str, name: str) -> Answer:
    """Answer 201 with the Id of a new record."""
    sobject = sobject_of(org, name)
    outcome = _written(org, Write("insert", sobject, readable(sobject, request.json())))
    return _created(outcome, sobject, version, outcome.body())


def get(org: Org, request: Request, version: str, name: str, record_id: str) -> Answer:
    """Answer with the fields of a record, all of them or those of `fields`."""
    sobject = sobject_of(org, name)
    found = _known_id(sobject, record_id)
    return json_answer(_record(org, request, version, sobject, found))


def get_by_key(org: Org, request: Request, version: str, name: str, *by: str) -> Answer:
    """Answer with the record of an external id; `by` is its field and its value."""
    field, key = by
    sobject = sobject_of(org, name)
    found = _found(org, version, sobject, field, unquote(key))
    return _several(version, sobject, found) or json_answer(_record(org, request, version, sobject, found[0]))


def update(org: Org, request: Request, version: str, name: str, record_id: str) -> Answer:
    """Change a record."""
    sobject = sobject_of(org, name)
    values = readable(sobject, request.json())
    _written(org, Write("update", sobject, values, _known_id(sobject, record_id)))
    return Answer(204)


def delete(org: Org, request: Request, version: str, name: str, record_id: str) -> Answer:
    """Put a record into the recycle bin."""
    sobject = sobject_of(org, name)
    _written(org, Write("delete", sobject, key=_known_id(sobject, record_id)))
    return Answer(204)


def upsert(org: Org, request: Request, version: str, name: str, *by: str) -> Answer:
    """Answer 201 for a new record and 200 for a changed one; 300 when several have the external id."""
    field, key = by
    sobject = sobject_of(org, name)
    proper, value = key_field(sobject, field), unquote(key)
    values = readable(sobject, request.json())
    if proper in values:
        message = f"The {proper} field should not be specified in the sobject data."
        raise SalesforceError(400, "INVALID_FIELD", message)
    if several := _several(version, sobject, _matches(org, sobject, proper, value)):
        return several
    outcome = _written(org, Write("upsert", sobject, values, value, proper))
    body = outcome.body(upserting=True)
    return _created(outcome, sobject, version, body) if outcome.created else json_answer(body)


def refused(error: RecordError) -> SalesforceError:
    """Return the answer to a single record's refusal."""
    if error.code in _GONE and not error.fields:
        return SalesforceError(404, *_GONE[error.code], fields=[])
    return SalesforceError(400, error.code, error.message, error.fields)


def _written(org: Org, write: Write) -> Outcome:
    try:
        return write_one(org, write)
    except RecordError as error:
        raise refused(error) from error


def _created(outcome: Outcome, sobject: SObject, version: str, body: dict[str, Any]) -> Answer:
    given = json_answer(body, 201)
    given.headers["Location"] = f"/services/data/v{version}/sobjects/{sobject.name}/{outcome.id}"
    return given


def _known_id(sobject: SObject, text: str) -> str:
    found = full_id(text)
    if found is None:
        message = f"Provided external ID field does not exist or is not accessible: {text}"
        raise SalesforceError(404, "NOT_FOUND", message)
    if not found.startswith(sobject.prefix):
        raise not_found()
    return found


def _found(org: Org, version: str, sobject: SObject, field: str, key: str) -> list[str]:
    found = _matches(org, sobject, key_field(sobject, field), key)
    if not found:
        raise not_found()
    return found


def _matches(org: Org, sobject: SObject, field: str, key: str) -> list[str]:
    known = sobject.field(field)
    try:
        return org.records.find(sobject.name, field, stored_value(known, key)) if known else []
    except RecordError as error:
        raise refused(error) from error


def _several(version: str, sobject: SObject, found: list[str]) -> Answer | None:
    if len(found) <= 1:
        return None
    return json_answer([f"/services/data/v{version}/sobjects/{sobject.name}/{one}" for one in found], 300)


def _record(org: Org, request: Request, version: str, sobject: SObject, record_id: str) -> dict[str, Any]:
    names = request.query["fields"].split(",") if request.query.get("fields") else [one.name for one in sobject]
    fields = dict.fromkeys(("Id", *names))
    soql = f"SELECT {', '.join(fields)} FROM {sobject.name} WHERE Id = '{record_id}'"  # noqa: S608 - SOQL
    with closing(org.query(soql, include_deleted=True)) as snapshot:
        rows = list(snapshot.records(0, 1))
    try:
        state = org.records.state(sobject.name, record_id)
    except RecordError as error:
        raise refused(error) from error
    if state == "deleted":
        raise refused(RecordError("ENTITY_IS_DELETED", "entity is deleted"))
    body = record_body(snapshot.statement, rows[0], version)
    return body or {}

"""`/composite/sobjects`: up to 200 records written, or 2,000 read, by one request."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from standins.salesforce.api.json_rows import key_field, readable, sobject_of
from standins.salesforce.api.rest_query import record_body
from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.ids import full_id
from standins.salesforce.org.org import Org
from standins.salesforce.org.outcome import Operation
from standins.salesforce.org.writes import Write, write_all
from standins.salesforce.schema.fields import SObject

MAX_WRITTEN, MAX_READ, MAX_READ_BY_ADDRESS, MAX_CHUNKS = 200, 2000, 800, 10


def insert(org: Org, request: Request, version: str) -> Answer:
    """Answer with a result row for each new record."""
    return _write(org, request, "insert")


def update(org: Org, request: Request, version: str) -> Answer:
    """Answer with a result row for each record, found by its Id."""
    return _write(org, request, "update")


def upsert(org: Org, request: Request, version: str, name: str, field: str) -> Answer:
    """Answer with a result row for each record, found by an external id or made."""
    sobject = sobject_of(org, name)
    proper = key_field(sobject, field)
    body = request.json()
    writes = []
    for row in _rows(body):
        if _type_of(org, row) is not sobject:
            raise SalesforceError(400, "INVALID_TYPE", f"All records have to be of type {sobject.name}")
        values = readable(sobject, row)
        writes.append(Write("upsert", sobject, values, values.pop(proper, None), proper))
    outcomes = write_all(org, writes, all_or_none=body.get("allOrNone") is True)
    return json_answer([outcome.body(upserting=True) for outcome in outcomes])


def delete(org: Org, request: Request, version: str) -> Answer:
    """Answer with a result row for each record that `ids` names, now in the recycle bin."""
    ids = _limited(request.query.get("ids", "").split(","), MAX_WRITTEN)
    by_prefix = {sobject.prefix: sobject for sobject in org.schema.values()}
    writes = []
    for record_id in ids:
        sobject = by_prefix.get(record_id[:3])
        if sobject is None or full_id(record_id) is None:
            raise SalesforceError(400, "MALFORMED_ID", f"malformed id {record_id}")
        writes.append(Write("delete", sobject, key=record_id))
    outcomes = write_all(org, writes, all_or_none=request.query.get("allOrNone") == "true")
    return json_answer([outcome.body() for outcome in outcomes])


def retrieve(org: Org, request: Request, version: str, name: str) -> Answer:
    """Answer with a record for each Id in its order, null for one that is not there."""
    sobject = sobject_of(org, name)
    if request.method == "GET":
        ids = _limited(request.query.get("ids", "").split(","), MAX_READ_BY_ADDRESS)
        fields: Any = request.query.get("fields", "").split(",")
    else:
        body = request.json()
        ids, fields = _limited(body.get("ids"), MAX_READ), body.get("fields")
    if not isinstance(fields, list) or not all(isinstance(one, str) and one.isidentifier() for one in fields):
        raise SalesforceError(400, "INVALID_FIELD", "The fields parameter has to list fields")
    found = _records(org, version, sobject, [full_id(one) for one in ids], fields)
    return json_answer([found.get(full_id(one)) for one in ids])


def _write(org: Org, request: Request, operation: Operation) -> Answer:
    body = request.json()
    rows = _rows(body)
    types = [_type_of(org, row) for row in rows]
    if len(list(groupby(types, key=lambda sobject: sobject.name))) > MAX_CHUNKS:
        message = (
            f"Cannot have more than {MAX_CHUNKS} chunks in a single operation. "
            "Please rearrange the data to reduce chunking."
        )
        raise SalesforceError(400, "LIMIT_EXCEEDED", message)
    writes = []
    for sobject, row in zip(types, rows, strict=True):
        values = readable(sobject, row)
        key = values.pop("Id", None) if operation == "update" else None
        if sobject.name == "Lead":
            values |= _assignment(org, request)
        writes.append(Write(operation, sobject, values, key))
    outcomes = write_all(org, writes, all_or_none=body.get("allOrNone") is True)
    return json_answer([outcome.body() for outcome in outcomes])


def _assignment(org: Org, request: Request) -> dict[str, str]:
    """Return what the org's assignment rule sets, which runs unless a header says otherwise."""
    owner = org.settings.leads_are_assigned_to
    is_off = request.headers.get("sforce-auto-assign", "TRUE").upper() == "FALSE"
    return {} if owner is None or is_off else {"OwnerId": owner}


def _rows(body: dict[str, Any]) -> list[dict[str, Any]]:
    rows = body.get("records")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "records has to be a list of records")
    return _limited(rows, MAX_WRITTEN)


def _limited(rows: Any, limit: int) -> list[Any]:
    if not isinstance(rows, list) or not rows:
        raise SalesforceError(400, "INVALID_INPUT", "The request holds no record")
    if len(rows) > limit:
        message = f"record limit reached. cannot submit more than {limit} records into this call"
        raise SalesforceError(400, "EXCEEDED_ID_LIMIT", message)
    return rows


def _type_of(org: Org, row: dict[str, Any]) -> SObject:
    attributes = row.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise SalesforceError(400, "INVALID_INPUT", "The type of a record has to be in its attributes")
    found = org.sobject(name)
    if found is None:
        raise SalesforceError(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return found


def _records(
    org: Org, version: str, sobject: SObject, ids: Sequence[str | None], fields: Sequence[str]
) -> dict[str | None, Any]:
    quoted = ", ".join(f"'{one}'" for one in ids if one and one.startswith(sobject.prefix))
    names = list({name.lower(): name for name in ("Id", *fields)}.values())
    soql = f"SELECT {', '.join(names)} FROM {sobject.name} WHERE Id IN ({quoted or chr(39) * 2})"  # noqa: S608
    snapshot = org.query(soql)
    try:
        rows = snapshot.records(0, snapshot.total)
        return {row["Id"]: record_body(snapshot.statement, row, version) for row in rows}
    finally:
        snapshot.close()

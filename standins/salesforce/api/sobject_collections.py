"""`/composite/sobjects`: up to 200 records written by one request."""

from itertools import groupby
from typing import Any

from standins.salesforce.api.json_rows import check_no_all_or_none, key_field, readable, sobject_of
from standins.salesforce.errors import SalesforceError
from standins.salesforce.http.messages import Answer, Request, json_answer
from standins.salesforce.org.org import Org
from standins.salesforce.org.writes import Write, write_all
from standins.salesforce.schema.fields import SObject

MAX_WRITTEN, MAX_CHUNKS = 200, 10


def upsert(org: Org, request: Request, version: str, name: str, field: str) -> Answer:
    """Answer with a result row for each record, found by an external id or made."""
    sobject = sobject_of(org, name)
    proper = key_field(sobject, field)
    writes = []
    for row in _rows(request.json()):
        if _type_of(org, row) is not sobject:
            raise SalesforceError(400, "INVALID_TYPE", f"All records have to be of type {sobject.name}")
        values = readable(sobject, row)
        writes.append(Write("upsert", sobject, values, values.pop(proper, None), proper, _saves(request)))
    outcomes = write_all(org, writes)
    return json_answer([outcome.body(upserting=True) for outcome in outcomes])


def update(org: Org, request: Request, version: str) -> Answer:
    """Answer with a result row for each record, found by its Id."""
    rows = _rows(request.json())
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
        key = values.pop("Id", None)
        if sobject.name == "Lead":
            values |= _assignment(org, request)
        writes.append(Write("update", sobject, values, key, saves_despite_alerts=_saves(request)))
    outcomes = write_all(org, writes)
    return json_answer([outcome.body() for outcome in outcomes])


def _saves(request: Request) -> bool:
    """Return whether a duplicate rule that only alerts is passed over."""
    return request.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower() == "allowsave=true"


def _assignment(org: Org, request: Request) -> dict[str, str]:
    """Return the owner that the org's assignment rule sets, unless a header switches the rule off."""
    owner = org.settings.leads_are_assigned_to
    is_off = request.headers.get("sforce-auto-assign", "TRUE").upper() == "FALSE"
    return {} if owner is None or is_off else {"OwnerId": owner}


def _rows(body: dict[str, Any]) -> list[dict[str, Any]]:
    check_no_all_or_none(body)
    rows = body.get("records")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "records has to be a list of records")
    if not rows:
        raise SalesforceError(400, "INVALID_INPUT", "The request holds no record")
    if len(rows) > MAX_WRITTEN:
        message = f"record limit reached. cannot submit more than {MAX_WRITTEN} records into this call"
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

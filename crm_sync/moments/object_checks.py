"""Holding the contact moment objects against what Salesforce describes to the integration user."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crm_sync.errors import QueryError
from crm_sync.moments.objects import MomentObject
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.schema.describe import FieldDescription, describe

_TEXT = frozenset({"string", "textarea", "picklist"})
_NUMBER = frozenset({"double", "int", "long"})
_WEB_ADDRESS = frozenset({"url", "string", "textarea"})
_MOMENT = frozenset({"datetime"})
_ID_LENGTH = 64


@dataclass(frozen=True)
class Finding:
    """One thing that stands in the way of the export, and whether an installation can mend it."""

    is_missing: bool
    sentence: str


@dataclass(frozen=True)
class ObjectCheck:
    """One object as the integration user sees it."""

    name: str
    exists: bool
    fields: tuple[str, ...]
    findings: tuple[Finding, ...]


def check_object(org: SalesforceOrg, moments: MomentObject) -> ObjectCheck:
    """Return what of the object the integration user sees, and what keeps moments out of it; one request."""
    try:
        described = describe(org, moments.name)
    except QueryError as unknown:
        if unknown.code != "NOT_FOUND":
            raise
        sentence = f"Salesforce shows the integration user no object {moments.name}."
        return ObjectCheck(moments.name, exists=False, fields=(), findings=(Finding(True, sentence),))
    # Names are compared without case, as Salesforce does.
    fields = {name.lower(): field for name, field in described.items()}
    wanted = (moments.lookup, *moments.fields.values())
    return ObjectCheck(
        name=moments.name,
        exists=True,
        fields=tuple(name for name in wanted if name.lower() in fields),
        findings=tuple(_findings(moments, fields)),
    )


def _findings(moments: MomentObject, fields: Mapping[str, FieldDescription]) -> Iterator[Finding]:
    for name in (moments.lookup, *moments.fields.values()):
        if name.lower() not in fields:
            yield Finding(True, f"Salesforce shows the integration user no field {moments.name}.{name}.")
    for sentence in (*_lookup_problems(moments, fields), *_field_problems(moments, fields)):
        yield Finding(False, sentence)


def _lookup_problems(moments: MomentObject, fields: Mapping[str, FieldDescription]) -> Iterator[str]:
    lookup = fields.get(moments.lookup.lower())
    if lookup is None:
        return
    if moments.parent not in lookup.refers_to:
        yield f"{moments.name}.{lookup.name} does not look up a {moments.parent.lower()}."
    elif not lookup.createable:
        yield _not_writable(moments, lookup)


def _field_problems(moments: MomentObject, fields: Mapping[str, FieldDescription]) -> Iterator[str]:
    for holds, name in moments.fields.items():
        field = fields.get(name.lower())
        if field is None:
            continue
        types, wanted = _needed(holds)
        if field.type not in types:
            yield f"{moments.name}.{field.name} is of type {field.type}, where {wanted} is needed."
        elif not field.createable or not field.updateable:
            yield _not_writable(moments, field)
    key = fields.get(moments.moment_id.lower())
    if key is not None and not key.external_id:
        yield f"{moments.name}.{key.name} is not marked External ID, so that moments cannot be found again by it."
    elif key is not None and 0 < key.length < _ID_LENGTH:
        yield f"{moments.name}.{key.name} holds {key.length} characters, where {_ID_LENGTH} are needed."


def _needed(holds: str) -> tuple[frozenset[str], str]:
    """Return the described types that fit what a field holds, and how a person calls them."""
    if holds.endswith("_at"):
        return _MOMENT, "a date/time"
    if holds in {"opens", "clicks"}:
        return _NUMBER, "a number"
    if holds == "online_version":
        return _WEB_ADDRESS, "a URL"
    return (frozenset({"string"}), "a text") if holds == "moment_id" else (_TEXT, "a text")


def _not_writable(moments: MomentObject, field: FieldDescription) -> str:
    return f"The integration user may not edit {moments.name}.{field.name}."

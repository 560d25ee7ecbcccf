"""Describes an org: its fields, its record counts, its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from crm_sync.errors import QueryError, SalesforceUnavailableError
from crm_sync.salesforce.org import SalesforceOrg
from crm_sync.salesforce.read.soql import checked_sobject

ENCRYPTED = "encryptedstring"


@dataclass(frozen=True)
class FieldDescription:
    """One field as Salesforce describes it to the integration user."""

    name: str
    label: str
    type: str
    length: int = 0
    updateable: bool = True
    createable: bool = True
    external_id: bool = False
    picklist_values: tuple[str, ...] = ()
    relationship_name: str = ""
    refers_to: tuple[str, ...] = ()
    # Of a number, where described.
    scale: int | None = None
    # A formula or a roll-up: its value changes without its record.
    calculated: bool = False
    # The field that this one is a part of.
    compound: str = ""

    @property
    def kept_type(self) -> str:
        """The type with what is needed of it to show a value, such as `double(2)`."""
        has_decimals = self.type in {"double", "currency", "percent"} and self.scale is not None
        return f"{self.type}({self.scale})" if has_decimals else self.type


@dataclass(frozen=True)
class Identity:
    """The org a login leads to."""

    user: str
    organization_name: str
    organization_id: str
    is_sandbox: bool
    host: str


def describe(org: SalesforceOrg, sobject: str) -> dict[str, FieldDescription]:
    """Return every field that the integration user may see, by API name; one request, two where texts are encrypted.

    Rule: REST guide, "sObject Describe"; a field hidden by field security is simply absent. An encrypted text of which
    the user only sees a mask is left out too: the mask is no value.
    """
    name = checked_sobject(sobject)
    answer = org.ask(lambda client: getattr(client, name).describe())
    fields = {field["name"]: _describe_field(field) for field in _part(answer, "fields")}
    masked = {field.name for field in fields.values() if field.type == ENCRYPTED}
    if masked and not _views_encrypted(org):
        return {name: field for name, field in fields.items() if name not in masked}
    return fields


def _views_encrypted(org: SalesforceOrg) -> bool:
    """Rule: object reference, "UserPermissionAccess", and help, "Classic Encryption for Custom Fields"."""
    try:
        answer = org.ask(lambda client: client.query("SELECT PermissionsViewEncryptedData FROM UserPermissionAccess"))
    except QueryError:
        return False
    return any(record.get("PermissionsViewEncryptedData") for record in _part(answer, "records"))


def _describe_field(field: dict[str, Any]) -> FieldDescription:
    picklist = tuple(str(entry["value"]) for entry in field.get("picklistValues") or () if entry.get("active", True))
    return FieldDescription(
        name=field["name"],
        label=field.get("label") or field["name"],
        type=field["type"],
        length=int(field.get("length") or 0),
        updateable=bool(field.get("updateable")),
        createable=bool(field.get("createable")),
        external_id=bool(field.get("externalId")),
        picklist_values=picklist,
        relationship_name=field.get("relationshipName") or "",
        refers_to=tuple(field.get("referenceTo") or ()),
        scale=None if field.get("scale") is None else int(field["scale"]),
        calculated=bool(field.get("calculated")),
        compound=field.get("compoundFieldName") or "",
    )


def record_counts(org: SalesforceOrg, sobjects: Sequence[str]) -> dict[str, int]:
    """Return the approximate number of records of each object; one request for all.

    Rule: REST guide, "Record Count"; approximate, and an object without records may be left out.
    """
    asked = {"sObjects": ",".join(checked_sobject(sobject) for sobject in sobjects)}
    answer = org.ask(lambda client: client.restful("limits/recordCount", params=asked))
    found = {entry["name"]: int(entry["count"]) for entry in _part(answer, "sObjects")}
    return {sobject: found.get(sobject, 0) for sobject in sobjects}


def identity(org: SalesforceOrg) -> Identity:
    """Return the org that the login leads to; one request, and the login if there is no session yet."""
    answer = org.ask(lambda client: client.query("SELECT Id, Name, IsSandbox FROM Organization LIMIT 1"))
    records = _part(answer, "records")
    if not records:
        raise SalesforceUnavailableError("Salesforce did not name its org; the request can be tried again.")
    return Identity(
        user=org.session.user,
        organization_name=records[0]["Name"],
        organization_id=records[0]["Id"],
        is_sandbox=bool(records[0]["IsSandbox"]),
        host=urlsplit(org.session.instance_url).netloc,
    )


def _part(answer: Any, name: str) -> list[dict[str, Any]]:
    if isinstance(answer, dict) and isinstance(answer.get(name), list):
        return list(answer[name])
    raise SalesforceUnavailableError(f"Salesforce answered without {name}; the request can be tried again.")

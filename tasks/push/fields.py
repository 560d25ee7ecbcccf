"""The types of the fields that a push writes to."""

from collections.abc import Mapping

from crm_sync.mapping.model import FieldLink
from crm_sync.mapping.words import plain_type
from crm_sync.pull.watermarks_store import read_watermarks, remember_types
from crm_sync.salesforce.schema.describe import ENCRYPTED, FieldDescription
from crm_sync.sobject import SObject
from tasks.run.run import Run


def known_fields(run: Run, sobject: SObject) -> dict[str, FieldDescription]:
    """Return an object's fields with the types that a pull has kept."""
    with run.database.transaction() as connection:
        marks = read_watermarks(connection, run.org_key)
    types = marks[sobject].field_types if sobject in marks else {}
    return {name: FieldDescription(name, name, plain_type(kind)) for name, kind in types.items() if kind is not None}


def keep_types(run: Run, sobject: SObject, fields: Mapping[str, FieldDescription]) -> None:
    """Let the next runs know an object's mapped fields as Salesforce describes them now."""
    with run.database.transaction() as connection:
        if mark := read_watermarks(connection, run.org_key).get(sobject):
            remember_types(connection, run.org_key, mark, {name: field.kept_type for name, field in fields.items()})


def needs_describe(links: list[FieldLink], fields: Mapping[str, FieldDescription]) -> bool:
    """Return whether the type of a field is not known, or whether its text may be seen."""
    known = [fields.get(link.salesforce_field) for link in links]
    return any(field is None or field.type == ENCRYPTED for field in known)

"""Finds the description of a mapped field, also when its path leads to a parent record (Account.Name)."""

from collections.abc import Callable, Iterable, Mapping

from crm_sync.errors import MappingError, UnknownObjectError
from crm_sync.salesforce.schema.describe import FieldDescription

Describe = Callable[[str], Mapping[str, FieldDescription]]

# The fields that SOQL shows of a parent with several possible objects: an owner is a user or a queue, both seen as
# sObject Name (object reference, "Name").
_NAME_TYPES = dict.fromkeys(("name", "firstname", "lastname", "username", "alias", "title", "type"), "string") | {
    "email": "email",
    "phone": "phone",
    "isactive": "boolean",
}
# Rule: compound fields guide, "Compound Field Considerations": Bulk queries refuse them.
_COMPOUND = frozenset({"address", "location"})


def find_fields(sobject: str, paths: Iterable[str], describe: Describe) -> dict[str, FieldDescription | None]:
    """Return the description of each path as seen from `sobject`, None where the integration user sees no field.

    Names are compared without case, as Salesforce does. A parent that the user may not see has no fields; raises
    UnknownObjectError when that is `sobject` itself.
    """
    described = {sobject: _by_name(describe(sobject))}

    def fields_of(name: str) -> Mapping[str, FieldDescription]:
        if name not in described:
            try:
                described[name] = _by_name(describe(name))
            except UnknownObjectError:
                described[name] = {}
        return described[name]

    def find(name: str, path: str) -> FieldDescription | None:
        fields = fields_of(name)
        relationship, dot, rest = path.lower().partition(".")
        if not dot:
            return fields.get(relationship)
        parents = next((f.refers_to for f in fields.values() if f.relationship_name.lower() == relationship), ())
        if len(parents) > 1:
            return FieldDescription(rest, rest, _NAME_TYPES[rest]) if rest in _NAME_TYPES else None
        return find(parents[0], rest) if parents else None

    return {path: find(sobject, path) for path in paths}


def refuse_compound_fields(sobject: str, fields: Mapping[str, FieldDescription | None], describe: Describe) -> None:
    """Raise MappingError for a field that Salesforce only gives in parts, and name the parts."""
    for path, field in fields.items():
        if field is None or field.type not in _COMPOUND:
            continue
        before, _, _ = path.rpartition(".")
        parts = [part.name for part in _owner(sobject, before, describe).values() if part.compound == field.name]
        named = ", ".join(f"{before}.{name}" if before else name for name in parts)
        raise MappingError(f"{sobject}.{path} is made of several fields; map its parts: {named}.")


def _owner(sobject: str, relationships: str, describe: Describe) -> Mapping[str, FieldDescription]:
    """Return the fields of the object that a path of relationships leads to."""
    fields = describe(sobject)
    for relationship in filter(None, relationships.lower().split(".")):
        fields = describe(
            next(f.refers_to[0] for f in fields.values() if f.relationship_name.lower() == relationship and f.refers_to)
        )
    return fields


def _by_name(fields: Mapping[str, FieldDescription]) -> dict[str, FieldDescription]:
    return {name.lower(): field for name, field in fields.items()}
